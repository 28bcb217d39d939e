"""Which rows of a request are stored, and what events are as rows."""

from msgspec.structs import replace

from minirelay.payments.payment_events import PaymentEvents
from minirelay.payments.stored_transfers import StoredTransfers, event_of, event_row
from minirelay.store.payment_rows import PaymentTransfer, TransferKind
from tests.payments import found
from tests.payments.settling import BLOCK, event
from tests.shop.issued import issued

REQUEST = issued(1)
FIRST, SECOND = event(REQUEST, 1), event(REQUEST, 2)


def stored(*rows: PaymentTransfer) -> StoredTransfers:
    one = StoredTransfers()
    for row in rows:
        one.add(row)
    return one


def test_what_is_stored_as_it_is_is_not_stored_again() -> None:
    one = stored(FIRST)
    assert one.compare([FIRST, SECOND], BLOCK.number) == ((SECOND,), ())
    moved = replace(FIRST, is_proven=False)
    assert one.compare([moved], BLOCK.number) == ((moved,), ())
    one.add(moved)
    assert one.compare([moved], BLOCK.number) == ((), ())


def test_what_is_not_there_is_gone_when_all_logs_are_known() -> None:
    one = stored(FIRST, SECOND)
    assert one.compare([SECOND], BLOCK.number - 1) == ((), ())
    assert one.compare([SECOND], BLOCK.number) == ((), (FIRST,))
    one.remove(FIRST)
    one.remove(FIRST)
    assert one.compare([SECOND], BLOCK.number) == ((), ())


def test_an_event_is_a_row_and_can_be_had_of_it_again() -> None:
    events, log = PaymentEvents(), found.event(5)
    events.settle(log, is_in_time=False, is_proof=True)
    ((key, one),) = events.items()
    row = event_row(REQUEST, key, one)
    assert (row.kind, row.amount, row.is_proven, row.is_in_time) == (TransferKind.EVENT, 10, True, False)
    again = event_of(row)
    assert (again.block, again.transaction_hash, again.index) == (log.block, log.transaction_hash, log.index)
    assert again.topics[1] == REQUEST.id
