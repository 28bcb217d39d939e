"""The time of which something may be missing, and payments that nobody knows."""

from minirelay.protocol.block_id import BlockId
from minirelay.store.database import Store
from minirelay.store.missing_time import UnknownPayment, UnknownPaymentRows, describe_span, note_missing


def payment(number: int) -> UnknownPayment:
    return UnknownPayment(
        bytes([number]) * 32, BlockId(2**40 + number, b"\xbb" * 32), bytes([number, 0]) * 16, number
    )


async def test_the_last_moment_is_told(store: Store) -> None:
    assert await store.reader.missing_until() == 0
    for since, until in [(1000, 2000), (10, 20), (5000, 300), (1000, 2000)]:
        await store.writer.connection.run(lambda db, a=since, b=until: note_missing(db, a, b))  # type: ignore[misc]
    assert await store.reader.missing_until() == 2000


async def test_payments_are_kept_until_they_were_asked_about(store: Store) -> None:
    one, two, other = payment(1), payment(2), payment(3)
    await store.writer.commit(UnknownPaymentRows(2**64 - 1, found=(two, one)))
    await store.writer.commit(UnknownPaymentRows(1, found=(other,)))
    assert await store.reader.unknown_payments(2**64 - 1) == [one, two]
    # Found again, in another block.
    moved = UnknownPayment(one.request_id, BlockId(7, bytes(32)), one.transaction_hash, one.index)
    await store.writer.commit(UnknownPaymentRows(2**64 - 1, found=(moved,), done=(two,)))
    assert await store.reader.unknown_payments(2**64 - 1) == [moved]
    assert await store.reader.unknown_payments(1) == [other]
    assert await store.reader.unknown_payments(2) == []


def test_rows_weigh_what_they_have() -> None:
    rows = UnknownPaymentRows(1, found=(payment(1),))
    assert rows.weight == UnknownPaymentRows(1, done=(payment(1),)).weight > UnknownPaymentRows(1).weight == 0
    assert rows.epoch is None


def test_the_span_is_written_for_people() -> None:
    assert describe_span(1_800_000_000, 1_800_090_000) == (
        "what came from 2027-01-15 08:00 to 2027-01-16 09:00 UTC is missing"
    )
