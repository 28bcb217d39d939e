"""Who signed a patch set: the relay, or a key card that may write what is in it (spec 02, 05, 07).

The relay itself can't be asked who it is, and what signed first proves nothing. So who wants signers checked
says where the answer comes from: addresses that are known, or the registries on the chain.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from minirelay.client.errors import ChainUnavailable, RegistryUnavailable, UntrustedSigner, VerificationFailed
from minirelay.client.eth_calls import Address, EthCalls, read_address
from minirelay.client.received import ReceivedSet
from minirelay.errors import Refusal
from minirelay.protocol.abi import address_bytes
from minirelay.protocol.addresses import RELAY_REG_ADDRESS, SHOP_REG_ADDRESS
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.protocol.registries import GET_ALL_RELAYS, RELAY_OWNER_OF
from minirelay.protocol.signing import address_of
from minirelay.shop import rules_accounts
from minirelay.shop.access import Role, check_patch, is_for_relay
from minirelay.shop.state import ShopState
from minirelay.shop.working_set import WorkingSet


class Registries:
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
        self._registry = Registries(rpc_url, read_address(relay_reg), read_address(shop_reg))
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


class KeyCards:
    """The key cards of all accounts at one place in the log. Feed it every patch, in order.

    A card that is removed was valid until then, so ask for the signer of a set before its patches are
    applied.
    """

    def __init__(self, state: ShopState | None = None) -> None:
        """state: the shop at the place to begin from; None: a shop without accounts."""
        begin = ShopState() if state is None else state
        # Never finished, so the guests' account, of perhaps 100,000 cards, is not encoded for each new one.
        self._working = WorkingSet(begin)
        self._cards: dict[Role, Counter[bytes]] = {Role.CLERK: Counter(), Role.GUEST: Counter()}
        for address, _ in begin.accounts.items():
            self._count(address, 1)

    def role_of(self, key_card: bytes) -> Role | None:
        """Return the role of a key card, CLERK or GUEST; None if no account has it."""
        return next((role for role, cards in self._cards.items() if cards[key_card] > 0), None)

    def apply(self, patch: Patch) -> None:
        """Follow a patch; most are not about accounts. Raises Refusal if the patch can't be applied."""
        if patch.object_type is not ObjectType.ACCOUNT:
            return
        address = patch.object_id
        if patch.op == "append":
            rules_accounts.apply(self._working, patch)
            self._count(address, 1, only_last=True)
            return
        self._count(address, -1)
        rules_accounts.apply(self._working, patch)
        self._count(address, 1)

    def _count(self, address: bytes, by: int, only_last: bool = False) -> None:
        account = self._working.accounts.look(address)
        if account is None:
            return
        counter = self._cards[Role.GUEST if account.guest else Role.CLERK]
        for key_card in account.key_cards[-1:] if only_last else account.key_cards:
            counter[key_card] += by


class SignerCheck:
    """Follows the accounts of one shop through its log and holds every set against them.

    Clerks sign what clerks may write, guests orders (that each keeps to its own is not checked here: a
    partial view can't tell), the shop's relays what relays may write.
    """

    def __init__(self, shop_id: int, relays: RelaySigners, key_cards: KeyCards) -> None:
        """key_cards: as of where the subscription begins."""
        self._shop_id = shop_id
        self._relays = relays
        self._key_cards = key_cards
        self._judged: tuple[int, Role] = (0, Role.VISITOR)

    async def role_of(self, received: ReceivedSet) -> Role:
        """Return the role that a set was signed in. To be called in the order of the log; then call `follow`.

        Raises UntrustedSigner, RegistryUnavailable; after the latter it may be asked again.
        """
        seq, role = self._judged
        if seq != received.seq:
            # Of a set in parts the first decides: what is in it may be the signer's own farewell.
            role = await self._find_role(received)
            self._judged = received.seq, role
        if role is not Role.RELAY:
            refusal = _refusal(role, received)
            if refusal is None:
                return role
            if not await self._is_the_relays_after_all(received):
                raise _untrusted(received, f"a {role.name.lower()} signed it, but {refusal.message}")
            self._judged = received.seq, Role.RELAY
        for patch in received.patches:
            if not is_for_relay(patch):
                raise _untrusted(received, f"relays don't {patch.op} {patch.path[0]!s} like that")
        return Role.RELAY

    def follow(self, received: ReceivedSet) -> None:
        """Take note of what a set does to the accounts. Raises VerificationFailed: it can't be done."""
        for patch in received.patches:
            if patch.object_type is ObjectType.ACCOUNT:
                try:
                    self._key_cards.apply(patch)
                except Refusal as refusal:
                    raise VerificationFailed(received.seq, refusal.message) from refusal

    def role_of_key_card(self, key_card: bytes) -> Role | None:
        """Return the role of a key card at this place in the log; None if it has none."""
        return self._key_cards.role_of(key_card)

    async def _find_role(self, received: ReceivedSet) -> Role:
        role = self._key_cards.role_of(received.signer)
        if role is not None:
            return role
        if await self._is_relay(received):
            return Role.RELAY
        raise _untrusted(received, "it is signed neither with a key card of the shop nor by a relay of it")

    async def _is_the_relays_after_all(self, received: ReceivedSet) -> bool:
        """Return whether a key card's set is the relay's: there are logs that have its key as a card.

        The registry is asked only about sets that it could be about.
        """
        return all(map(is_for_relay, received.patches)) and await self._is_relay(received)

    async def _is_relay(self, received: ReceivedSet) -> bool:
        return await self._relays.is_relay(self._shop_id, address_of(received.signer))


def _refusal(role: Role, received: ReceivedSet) -> Refusal | None:
    for patch in received.patches:
        try:
            check_patch(role, patch, owns=True, present=True)
        except Refusal as refusal:
            return refusal
    return None


def _untrusted(received: ReceivedSet, reason: str) -> UntrustedSigner:
    return UntrustedSigner(received.seq, received.signer, reason)
