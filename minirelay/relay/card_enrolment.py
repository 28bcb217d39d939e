"""A key card's enrolment on its way into the log, as a patch set of the relay's own (spec 05)."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from minirelay.errors import MinirelayError
from minirelay.protocol.addresses import GUEST_WALLET, NATIVE_COIN
from minirelay.protocol.cbor import Value
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.enrolment import CardAlreadyEnrolled, FirstCardIsGuest, GuestCeilingReached
from minirelay.relay.messages import Enrolment
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.work import Work
from minirelay.store.messages import KeyCard


class CardEnrolment(msgspec.Struct, frozen=True):
    """A key card's enrolment, as the relay's own patch set (spec 05, "Enrolling a key card").

    card_row: the row id that the card gets. settle: called once with None or the error.
    """

    enrolment: Enrolment
    card_row: int
    relay_key: PrivateKey
    registry_chain: int
    guest_card_ceiling: int
    now: Callable[[], datetime]
    settle: Callable[[MinirelayError | None], None]

    @property
    def size_bytes(self) -> int:
        """Return a small number: it is a patch or two."""
        return 0

    def decode(self) -> None:
        """Do nothing: what is made here is sound."""

    def verify(self) -> None:
        """Do nothing: it can be signed only when the nonce is known."""

    def take_turn(self) -> bool:
        """Return true: it waits for no fact."""
        return True

    def end_turn(self, missing: FactsMissing | None = None) -> None:
        """Do nothing: nothing stands behind it. Raises RuntimeError for missing facts: it needs none."""
        if missing is not None:
            raise RuntimeError("an enrolment does not ask for facts") from missing

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Make and judge the patch set that adds the card to its account."""
        wanted = self.enrolment
        if wanted.key_card in head.cards:
            raise CardAlreadyEnrolled("this key card is enrolled already")
        if wanted.is_guest and head.seq == 0:
            raise FirstCardIsGuest("the first key card of a shop must be a clerk's")
        if wanted.is_guest and head.guest_cards >= self.guest_card_ceiling:
            raise GuestCeilingReached("this shop has as many guests as this relay allows")
        now, pending = self.now(), PendingSets(head)
        pending.apply_own(self._patches(head), self.relay_key, now, loop_work)
        return pending.accepted([self._card(head, now)])

    def log_as(self, tell: Callable[[], None]) -> None:
        """Log it as nobody's: no session sent it."""
        tell()

    def stored(self, root_hash: bytes) -> None:  # noqa: ARG002  (nobody asked for the root)
        """Report the success."""
        self.settle(None)

    def refuse(self, error: MinirelayError) -> None:
        """Report the error."""
        self.settle(error)

    def _patches(self, head: ShopHead) -> list[NewPatch]:
        wanted = self.enrolment
        wallet = GUEST_WALLET if wanted.is_guest else wanted.wallet
        patches = [] if head.seq else [NewPatch("replace", ("Manifest",), self._manifest())]
        if head.state.get(ObjectType.ACCOUNT, wallet) is None:
            account: Value = {"KeyCards": [wanted.key_card], "Guest": wanted.is_guest}
            patches.append(NewPatch("add", ("Accounts", wallet), account))
        else:
            patches.append(NewPatch("append", ("Accounts", wallet, "KeyCards"), wanted.key_card))
        return patches

    def _card(self, head: ShopHead, now: datetime) -> KeyCard:
        return KeyCard(
            row_id=self.card_row,
            public_key=self.enrolment.key_card,
            shop=head.row.row_id,
            wallet=self.enrolment.wallet,
            is_guest=self.enrolment.is_guest,
            last_nonce=0,
            is_unlinked=False,
            # As in the log: `verify` compares the two.
            enrolled_at=int(now.timestamp()),
        )

    def _manifest(self) -> Value:
        return {
            "ShopID": self.enrolment.shop_id,
            "Payees": {},
            "AcceptedCurrencies": {},
            "PricingCurrency": {"ChainID": self.registry_chain, "Address": NATIVE_COIN},
            "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
        }
