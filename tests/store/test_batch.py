import pytest

from minirelay.store.batch import Batch, batch_of, encode_nonce, position, rows_of
from minirelay.store.bulk_insert import WIDTH, Kind
from minirelay.store.messages import EMPTY_COUNTS, MAX_SEQ, StoredSet
from minirelay.store.writes import Commit, MetaRow
from tests.store.examples import CARD, ShopLog, listing


def test_positions_sort_by_shop_then_by_sequence_number() -> None:
    positions = [position(shop, seq) for shop in (1, 2, 2**23 - 1) for seq in (0, 1, 2, MAX_SEQ)]
    assert positions == sorted(set(positions))
    assert positions[-1] < 2**63


@pytest.mark.parametrize("nonce", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_nonce_fits(nonce: int) -> None:
    assert int.from_bytes(encode_nonce(nonce), "big") == nonce
    assert len(encode_nonce(nonce)) == 8


@pytest.mark.parametrize("nonce", [-1, 2**64])
def test_what_is_no_nonce_is_noticed(nonce: int) -> None:
    with pytest.raises(ValueError, match="nonce"):
        encode_nonce(nonce)


@pytest.mark.parametrize("seq", [0, -1, MAX_SEQ + 1])
def test_a_sequence_number_that_belongs_to_another_shop_is_noticed(seq: int) -> None:
    one = StoredSet(seq, (listing(1),), EMPTY_COUNTS, b"", CARD)
    with pytest.raises(ValueError, match="sequence number"):
        rows_of([Commit(epoch=0, shop=1, sets=(one,))])


def put(*puts: tuple[Kind, int, int | None]) -> list[tuple[object, ...]]:
    """Return the rows of a batch into which these are put: kind, key, value."""
    batch = Batch()
    for kind, key, value in puts:
        batch.put(kind, (key,), value)
    return rows_in(batch)


def rows_in(batch: Batch) -> list[tuple[object, ...]]:
    """Return the kind of each row, and its first two values."""
    (statement,) = batch.rows().statements()
    width = WIDTH + 1
    rows = [statement.parameters[at : at + width] for at in range(0, len(statement.parameters), width)]
    return [tuple(row[:3]) for row in rows if row[0] != Kind.NOTHING]


def test_of_what_is_put_again_the_last_stands_in_its_place() -> None:
    assert put((Kind.RELAY_NONCE, 1, 5), (Kind.RELAY_NONCE, 2, 6), (Kind.RELAY_NONCE, 1, 7)) == [
        (Kind.RELAY_NONCE, 2, 6),
        (Kind.RELAY_NONCE, 1, 7),
    ]
    # What undoes the other comes last if it was put last.
    assert put((Kind.UNLINKED, 1, None), (Kind.NONCE, 1, 5), (Kind.UNLINKED, 1, None)) == [
        (Kind.NONCE, 1, 5),
        (Kind.UNLINKED, 1, None),
    ]


def test_of_several_nonces_of_a_key_card_the_last_is_written() -> None:
    batch = Batch()
    batch.set_nonces({1: 5, 2: 6})
    batch.set_nonces({1: 7})
    assert rows_in(batch) == [
        (Kind.NONCE, 1, encode_nonce(7)),
        (Kind.NONCE, 2, encode_nonce(6)),
    ]


def test_what_is_inserted_comes_first_in_its_order() -> None:
    batch = Batch()
    batch.put(Kind.META, ("a",), b"1")
    batch.insert(Kind.SHOP, 1, bytes(32), 0, 0)
    batch.insert(Kind.SHOP, 2, bytes(32), 0, 0)
    (statement,) = batch.rows().statements()
    kinds = statement.parameters[:: WIDTH + 1]
    assert [kind for kind in kinds if kind != Kind.NOTHING] == [Kind.SHOP, Kind.SHOP, Kind.META]


def test_the_ends_of_logs_are_those_of_the_last_sets() -> None:
    one, two = ShopLog(1), ShopLog(2)
    assert batch_of([one.add(), two.add(), one.add(), MetaRow("a", b"")]).ends == {1: 2, 2: 1}
