"""What the benchmark writes is what clients write."""

from minirelay.bench.fixtures import new_keys
from minirelay.bench.target import Target
from minirelay.bench.workload import FILLING_SET, Author, fill, frames_of
from minirelay.protocol.patch_set import open_patch_set
from minirelay.shop.canonical import read
from minirelay.shop.objects import Listing


def test_sets_are_signed_and_count_up() -> None:
    (key,) = new_keys(1)
    author = Author(key, 7)
    opened = [open_patch_set(one) for one in author.price_changes(3, 10)]
    assert {one.signer for one in opened} == {key.public_key}
    assert {one.header.shop_id for one in opened} == {7}
    nonces = [one.header.key_card_nonce for one in opened]
    assert nonces == sorted(set(nonces))
    assert {one.patches[0].object_id for one in opened} == {
        author.listing_id(number).to_bytes(8) for number in range(3)
    }
    # Every change changes something, or there would be nothing to store.
    assert len({one.patches[0].value for one in opened}) == 10


def test_filling_sets_hold_fifty_listings() -> None:
    (key,) = new_keys(1)
    author = Author(key, 7)
    opened = [open_patch_set(one) for one in author.filling(range(10, 10 + 2 * FILLING_SET + 1))]
    assert [len(one.patches) for one in opened] == [FILLING_SET, FILLING_SET, 1]
    listings = [read(Listing, patch.value) for one in opened for patch in one.patches]
    assert [listing.id for listing in listings] == [author.listing_id(number) for number in range(10, 111)]


def test_a_later_run_meets_neither_listings_nor_nonces_of_an_earlier_one(target: Target) -> None:
    for _ in range(2):
        author = Author(target.writer, target.shop_id)
        with target.session(target.writer) as session:
            assert fill(session, author, range(120)) > 0
            session.write_all(frames_of(session, author.price_changes(120, 5)), in_flight=2)
