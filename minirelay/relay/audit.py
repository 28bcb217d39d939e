"""Replaying a shop's log: every signature, root, proof and rule again, and then: is this what is stored?

It reads and changes nothing, and may run beside a relay that serves.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from minirelay.errors import MalformedInput, MinirelayError, Refusal
from minirelay.protocol.patch_set import VerifiedPatchSet, decode_parts, verify
from minirelay.protocol.push import decode_set, encode_set
from minirelay.relay.judgement import NOBODY, Author, judge
from minirelay.shop.access import Role
from minirelay.shop.state import ShopState
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import EMPTY_COUNTS, Counts, KeyCard, ShopRow, StoredSet
from minirelay.store.reader import Reader

PAGE_PATCHES = 1000
PAGE_BYTES = 4 * 1024 * 1024


class Difference(MinirelayError):
    """The first thing that is not as the log says; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Audited:
    """A shop whose log and objects agree. root_hash: 32 bytes."""

    shop_id: int
    set_count: int
    patch_count: int
    root_hash: bytes


@dataclass(slots=True)
class _Replay:
    """The shop as its log has made it so far."""

    row: ShopRow
    cards: dict[bytes, KeyCard]
    state: ShopState = field(default_factory=ShopState)
    counts: Counts = EMPTY_COUNTS
    seq: int = 0
    owners: dict[bytes, int] = field(default_factory=dict)
    nonces: dict[bytes, int] = field(default_factory=dict)
    unlinked: set[bytes] = field(default_factory=set)
    relay_nonce: int = 0

    def take(self, stored: StoredSet) -> None:
        """Replay one set. Raises Difference."""
        if stored.seq != self.seq + 1:
            raise Difference(f"set {self.seq + 1} is missing: set {stored.seq} follows")
        try:
            verified = _open(stored)
            author = self._author(verified)
            judged = judge(self.state, self.owners, author, verified)
        except (Refusal, MalformedInput) as error:
            raise Difference(f"set {stored.seq}: {error}") from error
        except RuntimeError as error:
            raise Difference(f"set {stored.seq}, signed by no key card of this shop: {error}") from error
        self.counts = self.counts.plus(judged.leaves, len(stored.wire))
        if judged.leaves != stored.leaves or self.counts != stored.counts:
            raise Difference(f"set {stored.seq}: the index beside it does not describe it")
        self.state = judged.state
        self.seq = stored.seq
        self.unlinked.update(judged.unlinked)
        for order_id, owner in judged.owners.items():
            self.owners[order_id] = owner

    def _author(self, verified: VerifiedPatchSet) -> Author:
        header = verified.header
        if header.shop_id != self.row.shop_id:
            raise Difference(f"set {self.seq + 1} is of shop {header.shop_id}")
        card = self.cards.get(verified.signer)
        last = self.relay_nonce if card is None else self.nonces.get(verified.signer, 0)
        if header.key_card_nonce <= last:
            raise Difference(f"set {self.seq + 1}: nonce {header.key_card_nonce} was used before")
        if card is None:
            # Only what a relay may write passes under its name (`access.check_patch`).
            self.relay_nonce = header.key_card_nonce
            return Author(Role.RELAY, NOBODY)
        if verified.signer in self.unlinked:
            raise Difference(f"set {self.seq + 1} is signed by a key card that was unlinked before")
        self.nonces[verified.signer] = header.key_card_nonce
        return Author(Role.GUEST if card.is_guest else Role.CLERK, card.row_id)


async def audit(reader: Reader, row: ShopRow, progress: Callable[[int], None]) -> Audited:
    """Replay a shop's log and compare with what is stored beside it.

    progress: called with the number of sets just replayed. Raises Difference, StoreError.
    """
    seq, counts = await reader.tail(row.row_id)
    cards = await reader.cards(row.row_id)
    replay = _Replay(row, {card.public_key: card for card in cards})
    while replay.seq < seq:
        page = await _read_page(reader, replay, seq)
        for stored in page:
            replay.take(stored)
        progress(len(page))
    if (await reader.tail(row.row_id))[0] == seq:
        # Where a relay goes on writing meanwhile, objects and cards are ahead of what was replayed.
        await _compare(reader, replay, cards)
    return Audited(row.shop_id, seq, counts.total, replay.state.root_hash)


async def _read_page(reader: Reader, replay: _Replay, seq: int) -> list[StoredSet]:
    try:
        return await reader.page(
            replay.row.row_id,
            after_seq=replay.seq,
            upto_seq=seq,
            max_patches=PAGE_PATCHES,
            max_bytes=PAGE_BYTES,
        )
    except StoreUnavailable as error:
        raise Difference(f"after set {replay.seq}: {error}") from error


async def _compare(reader: Reader, replay: _Replay, cards: list[KeyCard]) -> None:
    objects = await reader.load_objects(replay.row.row_id)
    stored = {(one.object_type, one.key): one for one in objects}
    for object_type, key, value in replay.state.objects():
        found = stored.pop((object_type, key), None)
        if found is None or found.value != value:
            raise Difference(
                f"{object_type.name.lower()} 0x{key.hex()} is stored otherwise than the log says"
            )
        if found.owner != replay.owners.get(key, NOBODY) and object_type.name == "ORDER":
            raise Difference(f"order 0x{key.hex()} is stored as somebody else's")
    if stored:
        object_type, key = min(stored)
        raise Difference(f"{object_type.name.lower()} 0x{key.hex()} is stored, but not in the log")
    for card in cards:
        if card.last_nonce != replay.nonces.get(card.public_key, 0):
            raise Difference(f"key card 0x{card.public_key.hex()} is stored with another nonce than its last")
        if card.is_unlinked != (card.public_key in replay.unlinked):
            raise Difference(f"key card 0x{card.public_key.hex()} is linked otherwise than the log says")
    row = await reader.shop(replay.row.shop_id)
    if row is None or row.relay_nonce != replay.relay_nonce:
        raise Difference("the relay's own nonce is stored otherwise than the log says")


def _open(stored: StoredSet) -> VerifiedPatchSet:
    pushed = decode_set(stored.wire)
    verified = verify(decode_parts(pushed.header, pushed.signature, pushed.patches))
    if encode_set(stored.seq, verified) != stored.wire:
        raise Difference(f"set {stored.seq}: its number or its proofs are not its own")
    return verified
