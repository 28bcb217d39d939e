"""What polls find for one request, and what it comes to."""

from msgspec.structs import replace

from minirelay.payments.evidence import Evidence, PaidIn
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.protocol.block_id import BlockId
from minirelay.shop.issued_requests import RequestState
from minirelay.store.payment_rows import PaymentTransfer, TransferKind
from tests.payments.found import ADDRESS, TRANSACTION, block, event, lies
from tests.shop.issued import issued
from tests.shop.patching import NATIVE, TOKEN

TTL = 1000
TOTAL = 10
READ = 10**6


def watched(currency: bytes = NATIVE, *, amount: int = TOTAL) -> WatchedPayment:
    one = issued(1, ttl=TTL, currency=currency, amount=amount)
    return WatchedPayment(1, one, ADDRESS, 0)


def come_to(one: WatchedPayment, *, is_read_to: int = READ) -> Evidence:
    found = one.news(block(50).id, is_read_to, is_last=False)
    assert found is not None
    return found


def test_nothing_found_is_no_news() -> None:
    one = watched()
    assert one.news(block(1).id, READ, is_last=False) is None
    one.balance.look(lies(0), block(1))
    assert one.news(block(2).id, READ, is_last=False) is None


def test_a_balance_counts_when_its_block_is_deep_and_it_is_there_still() -> None:
    one = watched()
    one.balance.look(lies(TOTAL), block(5))
    assert (come_to(one).in_time, come_to(one).settled, come_to(one).paid_in) == (TOTAL, 0, None)
    one.balance.settle(lies(TOTAL), block(5))
    found = come_to(one)
    assert (found.settled, found.paid_in) == (TOTAL, PaidIn(block(5).id))
    assert [row.kind for row in found.transfers] == [TransferKind.BALANCE]


def test_an_event_and_a_balance_of_one_payment_are_one_payment() -> None:
    """Paid to the address, then swept: the event comes before the address is looked at again."""
    one = watched()
    one.balance.look(lies(TOTAL), block(5))
    one.balance.settle(lies(TOTAL), block(5))
    one.events.settle(event(7), is_in_time=True, is_proof=True)
    assert come_to(one).settled == TOTAL
    one.balance.look(lies(0, 1), block(8))
    assert come_to(one).settled == TOTAL


def test_a_call_and_a_transfer_are_two_payments() -> None:
    one = watched(TOKEN)
    one.events.settle(event(5), is_in_time=True, is_proof=True)
    one.balance.look(lies(TOTAL, 0, TOKEN), block(8))
    one.balance.settle(lies(TOTAL, 0, TOKEN), block(8))
    assert come_to(one).settled == 2 * TOTAL
    assert come_to(one).paid_in == PaidIn(block(5).id, TRANSACTION)


def test_an_event_without_proof_is_told_once() -> None:
    one = watched()
    one.events.settle(event(), is_in_time=True, is_proof=False)
    assert one.events.unjudged == (event(),)
    assert not come_to(one).has_unproven
    one.events.judge(event(), is_proven=False)
    found = come_to(one)
    assert found.has_unproven
    assert found.settled == found.in_time == 0
    one.note_stored(found)
    assert one.news(None, READ, is_last=False) is None


def test_an_event_after_the_ttl_is_late() -> None:
    one = watched(TOKEN)
    one.events.settle(event(500), is_in_time=False, is_proof=True)
    found = come_to(one)
    assert (found.in_time, found.settled, found.too_late) == (0, 0, TOTAL)


def test_an_emptied_address_is_said_when_all_logs_are_known() -> None:
    one = watched()
    one.balance.look(lies(4), block(5))
    one.balance.look(lies(0, 1), block(8))
    one.balance.settle(lies(0, 1), block(8))
    assert one.news(None, 7, is_last=False) is None
    one.events.settle(event(8), is_in_time=True, is_proof=False)
    assert not come_to(one, is_read_to=8).is_emptied
    one.events.judge(event(8), is_proven=False)
    assert come_to(one, is_read_to=8).is_emptied


def test_what_arrived_at_an_emptied_address_counts() -> None:
    one = watched(TOKEN)
    one.balance.settle(lies(0, 1, TOKEN), block(8))
    assert one.news(None, READ, is_last=False) is None
    assert one.balance.emptied_at == block(8).id
    one.balance.note_arrived(TOTAL)
    assert one.balance.emptied_at is None
    found = come_to(one)
    assert (found.settled, found.paid_in) == (TOTAL, PaidIn(block(8).id))
    assert [row.kind for row in found.transfers] == [TransferKind.TRANSFER]


def test_what_was_stored_of_strays_is_nothing_to_it() -> None:
    one = watched(TOKEN)
    stray = PaymentTransfer(
        request_id=one.id, kind=TransferKind.STRAY, token=NATIVE, amount=7, block=block(5).id
    )
    one.restore([stray])
    one.balance.look(lies(0, 0, TOKEN), block(5))
    assert one.news(block(50).id, READ, is_last=False) is None
    one.balance.look(lies(TOTAL, 0, TOKEN), block(6))
    one.balance.settle(lies(TOTAL, 0, TOKEN), block(6))
    found = come_to(one)
    assert ([row.kind for row in found.transfers], found.gone) == ([TransferKind.BALANCE], ())


def paid_by(one: WatchedPayment) -> WatchedPayment:
    """Let what was found settle the order."""
    found = come_to(one)
    one.issued = replace(one.issued, state=RequestState.PAID, received=TOTAL)
    one.note_stored(found)
    assert one.paid_in == found.paid_in
    return one


def test_what_paid_it_is_gone_when_all_is_read_again_and_it_is_not_found() -> None:
    one = watched(TOKEN)
    one.balance.look(lies(0, 0, TOKEN), block(4))
    one.events.settle(event(5), is_in_time=True, is_proof=True)
    one = paid_by(one)
    assert one.forget_above(4)
    assert not come_to(one, is_read_to=4).is_gone
    found = come_to(one, is_read_to=5)
    assert found.is_gone
    assert [row.kind for row in found.gone] == [TransferKind.EVENT]


def test_what_paid_it_is_in_another_block() -> None:
    one = watched(TOKEN)
    one.events.settle(event(5), is_in_time=True, is_proof=True)
    one = paid_by(one)
    one.forget_above(4)
    again = replace(event(6), index=4)
    one.events.see(again, is_in_time=True)
    assert not come_to(one).is_moved
    assert not come_to(one).is_gone
    one.events.settle(again, is_in_time=True, is_proof=True)
    found = come_to(one)
    assert (found.is_moved, found.paid_in) == (True, PaidIn(block(6).id, TRANSACTION))
    one.note_stored(found)
    assert one.news(None, READ, is_last=False) is None


def test_a_balance_that_paid_and_lies_there_still_is_recorded_anew() -> None:
    one = watched()
    one.balance.look(lies(TOTAL), block(5))
    one.balance.settle(lies(TOTAL), block(5))
    one = paid_by(one)
    one.forget_above(4)
    one.balance.look(lies(TOTAL), block(6, fork=1))
    assert not come_to(one).is_gone
    one.balance.settle(lies(TOTAL), block(6, fork=1))
    found = come_to(one)
    assert (found.is_moved, found.paid_in) == (True, PaidIn(block(6, fork=1).id))


def test_a_balance_that_paid_and_is_not_there_is_gone() -> None:
    one = watched()
    one.balance.look(lies(TOTAL), block(5))
    one.balance.settle(lies(TOTAL), block(5))
    one = paid_by(one)
    one.forget_above(4)
    assert not come_to(one).is_gone
    one.balance.look(lies(0), block(6, fork=1))
    assert come_to(one).is_gone


def test_a_balance_is_not_told_anew_at_each_look() -> None:
    one = watched()
    one.balance.look(lies(4), block(5))
    one.balance.settle(lies(4), block(5))
    one.note_stored(come_to(one))
    for number in range(6, 20):
        one.balance.look(lies(4), block(number))
        one.balance.settle(lies(4), block(number))
        assert one.news(None, READ, is_last=False) is None


def test_what_was_stored_is_taken_up_again() -> None:
    one = watched(TOKEN)
    one.events.settle(event(5), is_in_time=True, is_proof=True)
    one.balance.look(lies(3, 0, TOKEN), block(6))
    one.balance.settle(lies(3, 0, TOKEN), block(6))
    found = come_to(one)
    again = watched(TOKEN)
    again.issued = replace(one.issued, state=RequestState.OVER, received=TOTAL + 3)
    again.restore(found.transfers)
    assert again.paid_in == PaidIn(block(5).id, TRANSACTION)
    again.balance.look(lies(3, 0, TOKEN), block(7))
    assert come_to(again).settled == TOTAL + 3
    assert come_to(again).transfers == ()


def test_a_stored_event_is_judged_again_and_stays_meanwhile() -> None:
    one = watched()
    one.events.settle(event(5), is_in_time=True, is_proof=False)
    one.events.judge(event(5), is_proven=False)
    again = watched()
    again.restore(come_to(one).transfers)
    (log,) = again.events.unjudged
    assert (log.block, log.transaction_hash, log.index) == (event(5).block, TRANSACTION, 1)
    assert come_to(again).gone == ()
    again.events.judge(log, is_proven=True)
    proven = come_to(again)
    assert (proven.settled, proven.gone, len(proven.transfers)) == (TOTAL, (), 1)


def test_an_event_is_stored_before_it_is_judged_so_that_a_restart_knows_of_it() -> None:
    one = watched()
    one.events.settle(event(5), is_in_time=True, is_proof=False)
    found = come_to(one)
    assert [row.is_proven for row in found.transfers] == [False]
    assert not found.has_unproven


def test_what_costs_nothing_is_paid_in_the_newest_deep_block() -> None:
    one = watched(amount=0)
    assert come_to(one).paid_in == PaidIn(BlockId(50, block(50).hash))
    one.issued = replace(one.issued, state=RequestState.PAID)
    one.note_stored(come_to(one))
    assert one.news(block(51).id, READ, is_last=False) is None


def test_money_of_before_a_restart_is_not_forgotten_before_it_is_looked_at_and_then_it_is() -> None:
    one = watched()
    again = WatchedPayment(1, replace(one.issued, state=RequestState.SEEN, received=TOTAL), ADDRESS, 0)
    assert again.news(None, READ, is_last=False) is None
    again.balance.look(lies(0), block(5))
    assert come_to(again).in_time == 0


def test_after_a_reorganisation_money_is_looked_at_again_before_anything_is_decided() -> None:
    one = watched()
    one.balance.look(lies(TOTAL), block(5))
    one.issued = replace(one.issued, state=RequestState.SEEN)
    one.note_stored(come_to(one))
    one.forget_above(4)
    assert one.news(None, READ, is_last=False) is None
    one.balance.look(lies(0), block(5, fork=1))
    assert come_to(one).in_time == 0
