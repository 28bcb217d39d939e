"""Who the relay is: by whose signatures its own patch sets are known (spec 02 "Signature", spec 07).

The relay itself can't be asked, and what signed first proves nothing. So whoever wants signers checked says
where the answer comes from: addresses that are known, or the registries on the chain.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from minirelay.client.addresses import Address, read_address
from minirelay.client.errors import RegistryUnavailable
from minirelay.client.registry import DEFAULT_RELAY_REG, DEFAULT_SHOP_REG, Registry


class RelaySigners(Protocol):
    """Knows the relays of a shop."""

    async def is_relay(self, shop_id: int, address: bytes) -> bool:
        """Say whether the key with this address (20 bytes) signs for a relay of the shop.

        Raises RegistryUnavailable: it is not known at the moment.
        """


class KnownRelays:
    """Relays whose addresses are known beforehand, for whatever shop."""

    def __init__(self, *addresses: Address) -> None:
        """addresses: of the relays' wallets. Raises ValueError for what is none."""
        self._addresses = frozenset(map(read_address, addresses))

    async def is_relay(self, shop_id: int, address: bytes) -> bool:  # noqa: ARG002
        """Say whether this is one of them."""
        return address in self._addresses


class RegistryRelays:
    """Relays as the chain knows them: the owners of relay tokens.

    They are the tokens that the shop's owner listed in the shop registry, and those named here. The token
    that a relay says is its own (`RelayClient.info`) is the relay's word alone: anybody can mint one. The
    chain tells who owns a token now; if an earlier owner signed what is in the log, add its address to
    `also`.
    """

    def __init__(
        self,
        rpc_url: str,
        *,
        tokens: Iterable[int] = (),
        also: Iterable[Address] = (),
        relay_reg: Address = DEFAULT_RELAY_REG,
        shop_reg: Address = DEFAULT_SHOP_REG,
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
        """Say whether this address owns one of the tokens. Raises RegistryUnavailable."""
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
