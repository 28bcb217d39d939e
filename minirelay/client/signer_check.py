"""Whether whoever signed a patch set may write what is in it (spec 05 "Roles", spec 02 "Signature")."""

from minirelay.client.errors import UntrustedSigner, VerificationFailed
from minirelay.client.key_cards import KeyCards
from minirelay.client.received import ReceivedSet
from minirelay.client.relay_signers import RelaySigners
from minirelay.errors import Refusal
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.signing import address_of
from minirelay.shop.access import Role, check_patch, is_for_relay


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
        """Say as what a set was signed: CLERK, GUEST or RELAY. In the order of the log; then call `follow`.

        Raises UntrustedSigner, RegistryUnavailable; after the latter it may be asked again.
        """
        seq, role = self._judged
        if seq != received.seq:
            # Of a set in parts the first decides: what is in it may be the signer's own farewell.
            role = await self._find_role(received)
            self._judged = received.seq, role
        for patch in received.patches:
            if role is Role.RELAY:
                if not is_for_relay(patch):
                    raise _untrusted(received, f"relays don't {patch.op} {patch.path[0]!s} like that")
                continue
            try:
                check_patch(role, patch, owns=True, present=True)
            except Refusal as refusal:
                raise _untrusted(
                    received, f"a {role.name.lower()} signed it, but {refusal.message}"
                ) from refusal
        return role

    def follow(self, received: ReceivedSet) -> None:
        """Take note of what a set does to the accounts. Raises VerificationFailed: it can't be done."""
        for patch in received.patches:
            if patch.object_type is ObjectType.ACCOUNT:
                try:
                    self._key_cards.apply(patch)
                except Refusal as refusal:
                    raise VerificationFailed(received.seq, refusal.message) from refusal

    def role_of_key_card(self, key_card: bytes) -> Role | None:
        """Give the role of a key card at this place in the log; None if it has none."""
        return self._key_cards.role_of(key_card)

    async def _find_role(self, received: ReceivedSet) -> Role:
        role = self._key_cards.role_of(received.signer)
        if role is not None:
            return role
        if await self._relays.is_relay(self._shop_id, address_of(received.signer)):
            return Role.RELAY
        raise _untrusted(received, "it is signed neither with a key card of the shop nor by a relay of it")


def _untrusted(received: ReceivedSet, reason: str) -> UntrustedSigner:
    return UntrustedSigner(received.seq, received.signer, reason)
