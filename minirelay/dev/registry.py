"""The registry contracts on a development chain: minting shops, as their owners would."""

from typing import Any

from eth_abi.abi import decode, encode

from minirelay.dev.accounts import Account
from minirelay.dev.rpc import Outgoing, Rpc
from minirelay.errors import ChainError
from minirelay.protocol.reverts import is_revert
from minirelay.protocol.signing import keccak256


class ShopRegistry:
    """ShopReg at one address, written to with the keys of development accounts (spec 07)."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        """address: 0x hex."""
        self._rpc = rpc
        self._address = bytes.fromhex(address.removeprefix("0x"))

    async def exists(self, shop_id: int) -> bool:
        """Say whether a shop has been minted. Raises ChainError."""
        try:
            await self._rpc.call("eth_call", self._call_of("ownerOf(uint256)", shop_id), "latest")
        except ChainError as error:
            if is_revert(0, str(error), None):
                return False
            raise
        return True

    async def relays_of(self, shop_id: int) -> tuple[int, ...]:
        """List the relay tokens of a shop. Raises ChainError."""
        answer = await self._rpc.call("eth_call", self._call_of("getAllRelays(uint256)", shop_id), "latest")
        (relays,) = decode(["uint256[]"], bytes.fromhex(answer[2:]))
        return tuple(relays)

    async def mint(self, shop_id: int, owner: Account) -> None:
        """Mint a shop for this account. Raises ChainError."""
        data = _data("mint(uint256,address)", shop_id, owner.address)
        await self._rpc.transact(owner, [Outgoing(self._address, data)])

    async def add_relay(self, shop_id: int, relay_token: int, owner: Account) -> None:
        """Enter a relay's token into a shop. Raises ChainError."""
        data = _data("addRelay(uint256,uint256)", shop_id, relay_token)
        await self._rpc.transact(owner, [Outgoing(self._address, data)])

    def _call_of(self, signature: str, *values: Any) -> dict[str, str]:
        return {"to": "0x" + self._address.hex(), "data": "0x" + _data(signature, *values).hex()}


def _data(signature: str, *values: Any) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak256(signature.encode())[:4] + encode(types, values)
