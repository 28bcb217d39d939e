"""Whether the signer of a patch set may write what is in it (spec 05 "Roles", spec 02 "Signature")."""

from collections import Counter

from minirelay.client.errors import UntrustedSigner, VerificationFailed
from minirelay.client.received import ReceivedSet
from minirelay.client.relay_signers import RelaySigners
from minirelay.errors import Refusal
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.protocol.signing import address_of
from minirelay.shop import rules_accounts
from minirelay.shop.access import Role, check_patch, is_for_relay
from minirelay.shop.state import ShopState
from minirelay.shop.working_set import WorkingSet


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
