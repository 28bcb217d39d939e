"""Who the relay is: by whose signatures its own patch sets are known (spec 02 "Signature", spec 07).

The relay itself can't be asked, and what signed first proves nothing. So who wants signers checked says
where the answer comes from: addresses that are known, or the registries on the chain.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from minirelay.client.errors import ChainUnavailable, RegistryUnavailable
from minirelay.client.eth_calls import Address, EthCalls, read_address
from minirelay.protocol.abi import address_bytes
from minirelay.protocol.addresses import RELAY_REG_ADDRESS, SHOP_REG_ADDRESS
from minirelay.protocol.registries import GET_ALL_RELAYS, RELAY_OWNER_OF


class Registry:
    """Reads RelayReg and ShopReg. Whatever keeps it from an answer raises RegistryUnavailable."""

    def __init__(self, rpc_url: str, relay_reg: bytes, shop_reg: bytes) -> None:
        """rpc_url: a JSON-RPC endpoint. relay_reg, shop_reg: the contracts' addresses, 20 bytes."""
        self._rpc_url = rpc_url
        self._relay_reg = relay_reg
        self._shop_reg = shop_reg

    async def relay_owners(self, shop_id: int, tokens: Iterable[int]) -> frozenset[bytes]:
        """Return the owners, 20 bytes each, of these relay tokens and of those that the shop lists."""
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


class RelaySigners(Protocol):
    """Knows the relays of a shop."""

    async def is_relay(self, shop_id: int, address: bytes) -> bool:
        """Return whether the key with this address (20 bytes) signs for a relay of the shop.

        Raises RegistryUnavailable: it is not known at the moment.
        """


class KnownRelays:
    """Relays whose addresses are known beforehand, for whatever shop."""

    def __init__(self, *addresses: Address) -> None:
        """addresses: of the relays' wallets. Raises ValueError for what is none."""
        self._addresses = frozenset(map(read_address, addresses))

    async def is_relay(self, shop_id: int, address: bytes) -> bool:  # noqa: ARG002
        """Return whether this is one of them."""
        return address in self._addresses


class RegistryRelays:
    """Relays as the chain knows them: the owners of relay tokens.

    They are the tokens that the shop's owner listed in the shop registry, and those named here. The token
    that a relay says is its own (`RelayClient.info`) is the relay's word alone: any wallet can mint one. The
    chain tells who owns a token now; if an earlier owner signed what is in the log, add its address to
    `also`.
    """

    def __init__(
        self,
        rpc_url: str,
        *,
        tokens: Iterable[int] = (),
        also: Iterable[Address] = (),
        relay_reg: Address = RELAY_REG_ADDRESS,
        shop_reg: Address = SHOP_REG_ADDRESS,
        most_age_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """rpc_url: of a node of the registry chain. tokens: relay token ids to trust besides the shop's.

        also: addresses, 20 bytes each, to trust as well. most_age_s: how long an answer is good for, in
        seconds; who is not in it is asked for anew, in any case, and an old answer is better than none.
        clock: monotonic, in seconds.
        """
        self._registry = Registry(rpc_url, read_address(relay_reg), read_address(shop_reg))
        self._tokens = tuple(tokens)
        self._also = frozenset(map(read_address, also))
        self._most_age_s = most_age_s
        self._clock = clock
        self._owners: dict[int, tuple[float, frozenset[bytes]]] = {}
        self._asking = asyncio.Lock()

    async def is_relay(self, shop_id: int, address: bytes) -> bool:
        """Return whether this address owns one of the tokens. Raises RegistryUnavailable."""
        if address in self._also or self._is_remembered(shop_id, address):
            return True
        async with self._asking:
            if self._is_remembered(shop_id, address):
                return True
            try:
                owners = await self._registry.relay_owners(shop_id, self._tokens)
            except RegistryUnavailable:
                # It was a relay when the chain last answered: a node that is down says nothing against it.
                if address in self._owners.get(shop_id, _NEVER)[1]:
                    return True
                raise
            self._owners[shop_id] = self._clock(), owners
            return address in owners

    def _is_remembered(self, shop_id: int, address: bytes) -> bool:
        asked_at, owners = self._owners.get(shop_id, _NEVER)
        return address in owners and self._clock() - asked_at < self._most_age_s


_NEVER: Final[tuple[float, frozenset[bytes]]] = (0.0, frozenset())
