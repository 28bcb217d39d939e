"""ShopReg on a development chain, also written to: minting shops, as their owners would."""

from minirelay.chain.shop_registry import ShopReg
from minirelay.dev.accounts import Account
from minirelay.dev.sending import send_call


class WritableShopReg(ShopReg):
    """ShopReg, written to with the keys of development accounts (spec 07)."""

    async def mint(self, shop_id: int, owner: Account) -> None:
        """Mint a shop for this account. Raises ChainError."""
        await send_call(self.chain, owner, self.minting(shop_id, bytes.fromhex(owner.address[2:])))

    async def add_relay(self, shop_id: int, relay_token: int, owner: Account) -> None:
        """Enter a relay's token into a shop. Raises ChainError."""
        await send_call(self.chain, owner, self.relay_listing(shop_id, relay_token))
