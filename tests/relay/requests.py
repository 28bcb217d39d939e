"""Requests as the sequencer takes them, and the head of a shop that they are judged on."""

from collections.abc import Sequence
from datetime import UTC, datetime

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import (
    NewPatch,
    VerifiedPatchSet,
    seal_patch_set,
)
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.card_enrolment import CardEnrolment
from minirelay.relay.client_write import ClientWrite, WriteTerms
from minirelay.relay.messages import Enrolment, Outcome, WriteRequest
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.relay.write_turns import WriteTurns
from minirelay.shop.canonical import dump
from minirelay.shop.objects import Account
from minirelay.shop.ownership import Author
from minirelay.shop.state import Change
from minirelay.store.messages import KeyCard, ShopRow
from tests.limits import WRITES
from tests.raw_client import Spec
from tests.relay.fixed_facts import FixedFacts
from tests.relay.house import RELAY_KEY

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
SHOP_ID = 77
CLERK, GUEST, STRANGER = (PrivateKey.from_bytes(bytes([number]) * 32) for number in (1, 2, 3))


def enrolment(key: PrivateKey, *, is_guest: bool = False, ceiling: int = 10) -> CardEnrolment:
    return CardEnrolment(
        enrolment=Enrolment(SHOP_ID, bytes(20) if is_guest else b"\x0a" * 20, key.public_key, is_guest),
        card_row=key.public_key[1],
        relay_key=RELAY_KEY,
        registry_chain=31337,
        guest_card_ceiling=ceiling,
        now=lambda: NOW,
        settle=lambda _: None,
    )


def open_head() -> ShopHead:
    """Return the head of a shop with a clerk and a guest."""
    head = ShopHead.start(0, ShopRow(1, SHOP_ID, 0))
    for request in (enrolment(CLERK), enrolment(GUEST, is_guest=True)):
        head.append(request.judge(head))
    return head


def card(head: ShopHead, key: PrivateKey) -> KeyCard:
    entry = head.cards[key.public_key]
    return KeyCard(entry.row_id, key.public_key, 1, bytes(20), entry.is_guest, 0, False)


def seal(
    patches: Sequence[Spec],
    *,
    nonce: int = 1,
    shop_id: int = SHOP_ID,
    timestamp: datetime = NOW,
    key: PrivateKey = CLERK,
) -> bytes:
    return seal_patch_set(
        [NewPatch(*patch) for patch in patches],
        shop_id=shop_id,
        key_card_nonce=nonce,
        timestamp=timestamp,
        key=key,
    )


def write(
    head: ShopHead, sealed: bytes, key: PrivateKey = CLERK, answers: list[Outcome] | None = None
) -> ClientWrite:
    settle = ([] if answers is None else answers).append
    request = WriteRequest(card(head, key), sealed, settle, lambda: False)
    terms = WriteTerms(lambda: NOW, WRITES, FixedFacts(), RELAY_KEY)
    return ClientWrite(request, terms, WriteTurns(terms.facts, lambda _write: None))


def wire_of(accepted: Accepted) -> bytes:
    """Return the pushed form of the one set that a request appends."""
    (entry,) = accepted.entries
    return entry.wire


def judged(head: ShopHead, author: Author, patch_set: VerifiedPatchSet) -> Accepted:
    """Judge one set as the next one of the log, without what is asked of clients."""
    pending = PendingSets(head)
    pending.apply(author, patch_set)
    return pending.accepted()


def crowded_head(guests: int) -> ShopHead:
    """Return the head of a shop with so many guests more."""
    head = open_head()
    account = Account(
        key_cards=[GUEST.public_key, *(card.to_bytes(33) for card in range(guests))], guest=True
    )
    head.state = head.state.with_changes([Change(ObjectType.ACCOUNT, bytes(20), dump(account))])
    return head
