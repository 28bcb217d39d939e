"""The registries on the chain, as far as a client asks them (spec 07)."""

from collections.abc import Iterable
from typing import Final

from minirelay.client.errors import ChainUnavailable, RegistryUnavailable
from minirelay.client.eth_calls import EthCalls
from minirelay.protocol.abi import address_bytes
from minirelay.protocol.registries import GET_ALL_RELAYS, RELAY_OWNER_OF

DEFAULT_SHOP_REG: Final = bytes.fromhex("48c203BA47c78EB8286dAFd4F14B297181dae3cb")
DEFAULT_RELAY_REG: Final = bytes.fromhex("4E0Df5Db4975f3e4999B623d6a768DaE80B12a9C")


class Registry:
    """Reads RelayReg and ShopReg. Whatever keeps it from an answer raises RegistryUnavailable."""

    def __init__(self, rpc_url: str, relay_reg: bytes, shop_reg: bytes) -> None:
        """rpc_url: a JSON-RPC endpoint. relay_reg, shop_reg: the contracts' addresses, 20 bytes."""
        self._rpc_url = rpc_url
        self._relay_reg = relay_reg
        self._shop_reg = shop_reg

    async def relay_owners(self, shop_id: int, tokens: Iterable[int]) -> frozenset[bytes]:
        """Give the owners, 20 bytes each, of these relay tokens and of those that the shop lists."""
        try:
            async with EthCalls.to(self._rpc_url) as calls:
                listed = await self._listed(calls, shop_id)
                owners = [await self._owner(calls, token) for token in dict.fromkeys((*tokens, *listed))]
        except ChainUnavailable as error:
            raise RegistryUnavailable(f"the registry could not be asked: {error}") from error
        return frozenset(owner for owner in owners if owner is not None)

    async def _listed(self, calls: EthCalls, shop_id: int) -> tuple[int, ...]:
        found = await calls.call(self._shop_reg, GET_ALL_RELAYS, shop_id)
        return () if found is None else tuple(found[0])

    async def _owner(self, calls: EthCalls, token: int) -> bytes | None:
        found = await calls.call(self._relay_reg, RELAY_OWNER_OF, token)
        return None if found is None else address_bytes(found[0])
