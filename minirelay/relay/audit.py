"""Replaying a shop's log, and then: is all that is stored what the log makes of it?

It reads and changes nothing, and may run beside a relay that serves.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.relay.checkout_audit import CheckoutAudit
from minirelay.relay.replay import Difference, RelaySigners, Replay, read_signers
from minirelay.store.errors import StoreUnavailable
from minirelay.store.gaps import count_sets
from minirelay.store.messages import KeyCard, ShopRow, StoredObject, StoredSet
from minirelay.store.reader import Reader

__all__ = ["Audited", "Difference", "RelaySigners", "audit", "check_signers", "read_signers"]

PAGE_PATCHES = 1000
PAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Audited:
    """A shop for which everything is stored as its log says.

    root_hash: 32 bytes. signed_by: the keys of the relay's that its sets here are signed with.
    """

    shop_id: int
    set_count: int
    patch_count: int
    root_hash: bytes
    signed_by: frozenset[bytes]


async def audit(
    reader: Reader, row: ShopRow, signers: RelaySigners, progress: Callable[[int], None]
) -> Audited:
    """Replay a shop's log and compare with it everything that is stored of the shop.

    signers: the relay's own, from `read_signers`. progress: called with the number of sets just replayed.
    Raises Difference, StoreClosed.
    """
    replay = Replay.start(reader, row, signers)
    checkout = CheckoutAudit(row)
    try:
        gaps = await reader.gaps(row.row_id)
        replay.expect(gaps)
        replay.look_up_in(await reader.cards(row.row_id))
        await _replay_to_end(replay, checkout, progress)
        # A relay may go on writing: the rest, and what is compared, is of one moment.
        async with reader.held() as still:
            replay.reader = still
            await _replay_to_end(replay, checkout, progress)
            await _compare(still, replay)
            await checkout.compare_rest(still, replay.head.state, replay.head.owners)
    except StoreUnavailable as error:
        raise Difference(f"after set {replay.head.seq}: {error}") from error
    head = replay.head
    return Audited(
        row.shop_id,
        count_sets(head.seq, gaps),
        head.counts.total,
        head.state.root_hash,
        frozenset(replay.signed_by),
    )


def check_signers(stored: RelaySigners, signed_by: Iterable[bytes]) -> None:
    """Make sure that every stored key of the relay's has signed something. Raises Difference.

    stored: from before the replay. signed_by: of all shops.
    """
    for key in sorted(stored.recorded.difference(signed_by)):
        raise Difference(f"0x{key.hex()} is stored as a key of the relay's, but signed nothing in the logs")


async def _replay_to_end(replay: Replay, checkout: CheckoutAudit, progress: Callable[[int], None]) -> None:
    reader, shop = replay.reader, replay.row.row_id
    seq, _ = await reader.tail(shop)
    while replay.head.seq < seq:
        page = await reader.page(
            shop, after_seq=replay.head.seq, upto_seq=seq, max_patches=PAGE_PATCHES, max_bytes=PAGE_BYTES
        )
        if not page:
            replay.cross_gap()
            raise Difference(f"set {replay.head.next_seq} is missing, though the log goes on to {seq}")
        await _replay_page(replay, checkout, page)
        progress(len(page))


async def _replay_page(replay: Replay, checkout: CheckoutAudit, page: Iterable[StoredSet]) -> None:
    replayed: list[StoredSet] = []
    found: Difference | None = None
    for stored in page:
        try:
            replayed.append(await replay.take(stored))
        except Difference as difference:
            found = difference
            break
    # What comes before it in the log comes first.
    earlier = await replay.reader.find_difference(replay.row.row_id, replayed)
    if earlier is not None:
        raise Difference(earlier)
    await checkout.compare(replay.reader, replay.take_written())
    if found is not None:
        raise found


async def _compare(reader: Reader, replay: Replay) -> None:
    """Compare what is stored beside the log. reader: sees the log as it was replayed. Raises Difference."""
    shop, head = replay.row.row_id, replay.head
    replay.cross_gap()
    for seq in replay.gaps:
        raise Difference(f"a gap is stored behind set {seq}, which the log does not have there")
    _compare_row(await reader.shop_of_row(shop), replay)
    _compare_cards(await reader.cards(shop), replay.key_cards())
    _compare_objects(await reader.load_objects(shop), replay)
    surplus = await reader.find_surplus(shop, head.counts.total)
    if surplus is not None:
        raise Difference(surplus)


def _compare_row(stored: ShopRow | None, replay: Replay) -> None:
    expected = msgspec.structs.replace(
        replay.row,
        relay_nonce=replay.head.relay_nonce,
        # Of another clock in the days before.
        created_at=replay.row.created_at if replay.row.authors_after else replay.born_at,
    )
    if stored is None:
        raise Difference("the shop is not stored any more")
    _compare_fields("the shop", stored, expected)
    if stored.authors_after > replay.head.seq:
        raise Difference(
            f"authors are said to be stored from set {stored.authors_after + 1} on, beyond the end"
        )


def _compare_cards(stored: Iterable[KeyCard], expected: dict[bytes, KeyCard]) -> None:
    for card in stored:
        name = f"key card 0x{card.public_key.hex()}"
        if card.public_key not in expected:
            raise Difference(f"{name} is stored, but not enrolled in the log")
        _compare_fields(name, card, expected.pop(card.public_key))
    for key in expected:
        raise Difference(f"key card 0x{key.hex()} is enrolled in the log, but not stored, or of another shop")


def _compare_fields(name: str, stored: msgspec.Struct, expected: msgspec.Struct) -> None:
    for field in stored.__struct_fields__:
        if getattr(stored, field) != getattr(expected, field):
            raise Difference(f"{name}: its {field} is stored otherwise than the log says")


def _compare_objects(objects: Iterable[StoredObject], replay: Replay) -> None:
    state, owners = replay.head.state, replay.head.owners
    seen = {object_type: set[bytes]() for object_type in ObjectType}
    for one in objects:
        name = _name(one.object_type, one.key)
        value = state.get(one.object_type, one.key)
        if value is None:
            raise Difference(f"{name} is stored, but not in the log")
        if value != one.value:
            raise Difference(f"{name} is stored otherwise than the log says")
        if one.owner != (owners.get(one.key, NOBODY) if one.object_type is ObjectType.ORDER else NOBODY):
            raise Difference(f"{name} is stored as somebody else's")
        seen[one.object_type].add(one.key)
    for object_type, key, _ in state.objects():
        if key not in seen[object_type]:
            raise Difference(f"{_name(object_type, key)} is in the log, but not stored")


def _name(object_type: ObjectType, key: bytes) -> str:
    return f"{object_type.name.lower()} 0x{key.hex()}"
