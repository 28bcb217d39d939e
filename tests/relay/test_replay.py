"""A log replayed on the head: what has to be stored comes out, and what nobody may have signed is found."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from minirelay.protocol.patch_set import decode_parts, verify
from minirelay.protocol.push import decode_set, encode_set
from minirelay.relay.replay import Difference, RelaySigners, Replay, read_signers
from minirelay.store.database import ReadOnlyStore, open_readonly
from minirelay.store.messages import ShopRow, StoredSet
from tests.relay.house import RELAY_KEY, SHOP, listing, new_key, order, running_relay

ALL = 10**9


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ReadOnlyStore]:
    """Make a log: the first card, a guest's, two writes, the guest unlinked."""
    async with running_relay(tmp_path) as house:
        clerk, guest = await house.clerk(), await house.guest()
        await clerk.write(listing(1), listing(2))
        await guest.write(order(5))
        await clerk.write(("remove", ("Accounts", bytes(20), "KeyCards", 0), None))
    async with await open_readonly(tmp_path) as store:
        yield store


async def row_of(store: ReadOnlyStore) -> ShopRow:
    row = await store.reader.shop(SHOP)
    assert row is not None
    return row


async def sets_of(store: ReadOnlyStore) -> list[StoredSet]:
    return await store.reader.page(1, after_seq=0, upto_seq=ALL, max_patches=ALL, max_bytes=ALL)


async def start(store: ReadOnlyStore, row: ShopRow | None = None) -> Replay:
    signers = await read_signers(store.reader)
    replay = Replay.start(store.reader, row or await row_of(store), signers)
    replay.look_up_in(await store.reader.cards(1))
    return replay


async def replayed(store: ReadOnlyStore, seq: int) -> tuple[Replay, StoredSet]:
    """Replay the log up to a set, without it; give that as well."""
    replay = await start(store)
    sets = await sets_of(store)
    for stored in sets[: seq - 1]:
        await replay.take(stored)
    return replay, sets[seq - 1]


async def test_what_comes_out_is_what_is_stored(store: ReadOnlyStore) -> None:
    replay = await start(store)
    sets = await sets_of(store)
    assert [await replay.take(stored) for stored in sets] == sets
    assert list(replay.key_cards().values()) == await store.reader.cards(1)
    row = await row_of(store)
    assert (replay.head.relay_nonce, replay.born_at) == (row.relay_nonce, row.created_at)
    assert replay.signed_by == {RELAY_KEY.public_key}


async def test_cards_and_signers_that_came_after_the_start_are_read(store: ReadOnlyStore) -> None:
    replay = Replay.start(store.reader, await row_of(store), RelaySigners(set()))
    for stored in await sets_of(store):
        await replay.take(stored)
    assert len(replay.key_cards()) == 2


@pytest.mark.parametrize(
    ("seq", "author", "words"),
    [
        (2, 1, "set 2 is signed by no key card of this shop, nor by the relay"),
        (2, None, "set 2: its author is not stored"),
        (3, 0, "set 3 is stored as the relay's, but no key of the relay's signed it"),
        (3, 2, "set 3 is stored as another author's than its signer's"),
        (4, 1, "set 4 is stored as another author's than its signer's"),
    ],
)
async def test_the_author_that_is_stored_must_have_signed(
    store: ReadOnlyStore, seq: int, author: int | None, words: str
) -> None:
    replay, stored = await replayed(store, seq)
    with pytest.raises(Difference, match=words):
        await replay.take(msgspec.structs.replace(stored, author=author))


async def test_where_no_author_is_stored_the_first_signer_is_the_relay(store: ReadOnlyStore) -> None:
    row = msgspec.structs.replace(await row_of(store), authors_after=5)
    sets = [msgspec.structs.replace(stored, author=None) for stored in await sets_of(store)]
    early = RelaySigners(set(), frozenset({RELAY_KEY.public_key}))
    replay = Replay.start(store.reader, row, early)
    assert [await replay.take(stored) for stored in sets] == sets
    stranger = Replay.start(store.reader, row, RelaySigners(set()))
    with pytest.raises(Difference, match="set 1 is signed by no key card"):
        await stranger.take(sets[0])


async def test_a_missing_set_a_set_twice_and_another_shops_set_are_found(store: ReadOnlyStore) -> None:
    replay, stored = await replayed(store, 3)
    later = (await sets_of(store))[3]
    with pytest.raises(Difference, match="set 3 is missing: set 4 follows"):
        await replay.take(later)
    await replay.take(stored)
    with pytest.raises(Difference, match="set 4 is missing: set 3 follows"):
        await replay.take(stored)
    with pytest.raises(Difference, match="set 4: nonce 1 was used before"):
        await replay.take(msgspec.structs.replace(stored, seq=4))
    other = await start(store, msgspec.structs.replace(await row_of(store), shop_id=5))
    with pytest.raises(Difference, match=f"set 1 is of shop {SHOP}"):
        await other.take((await sets_of(store))[0])


async def test_a_card_signs_nothing_after_it_was_unlinked(store: ReadOnlyStore) -> None:
    replay, fourth = await replayed(store, 4)
    key = next(card.public_key for card in await store.reader.cards(1) if card.is_guest)
    replay.head.cards[key].is_unlinked = True
    with pytest.raises(Difference, match="set 4 is signed by a key card that was unlinked before"):
        await replay.take(fourth)


async def test_the_relay_writes_only_what_relays_may_write(store: ReadOnlyStore) -> None:
    replay, stored = await replayed(store, 3)
    pushed = decode_set(stored.wire)
    signature = RELAY_KEY.sign(pushed.header)
    signed = verify(decode_parts(pushed.header, signature, pushed.patches))
    replay.head.relay_nonce = 0
    with pytest.raises(Difference, match="set 3, signed by the relay: the relay must not add"):
        await replay.take(msgspec.structs.replace(stored, wire=encode_set(3, signed), author=0))


async def test_a_card_is_enrolled_once_and_stored(store: ReadOnlyStore) -> None:
    replay, second = await replayed(store, 2)
    key = next(card.public_key for card in await store.reader.cards(1) if card.is_guest)
    replay.cards[key] = msgspec.structs.replace((await store.reader.cards(1))[0], public_key=key)
    with pytest.raises(Difference, match=f"set 2 enrols key card 0x{key.hex()} again"):
        await replay.take(second)


async def test_a_stranger_is_no_signer(store: ReadOnlyStore) -> None:
    signers = await read_signers(store.reader)
    assert signers == RelaySigners({RELAY_KEY.public_key}, frozenset())
    assert new_key().public_key not in signers.recorded
