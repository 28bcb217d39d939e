"""ShopReg on a development chain, also written to: minting shops, as their owners would."""

from minirelay.chain.sending import ContractCall
from minirelay.chain.shop_registry import ShopReg
from minirelay.dev.accounts import Account
from minirelay.dev.sending import send_call
from minirelay.protocol.registries import SHOP_REG


class WritableShopReg(ShopReg):
    """ShopReg, written to with the keys of development accounts (spec 07)."""

    async def mint(self, shop_id: int, owner: Account) -> None:
        """Mint a shop for this account. Raises ChainError."""
        await self._send(owner, "mint", shop_id, owner.address)

    async def add_relay(self, shop_id: int, relay_token: int, owner: Account) -> None:
        """Enter a relay's token into a shop. Raises ChainError."""
        await self._send(owner, "addRelay", shop_id, relay_token)

    async def _send(self, owner: Account, function: str, *arguments: object) -> None:
        await send_call(self.chain, owner, ContractCall(SHOP_REG, self.address, function, arguments))
