from msgspec.structs import replace

from minirelay.chain.findings import FoundLog
from minirelay.payments.payment_events import MOST_EVENTS, PaymentEvents
from minirelay.protocol.block_id import BlockId


def block(number: int, fork: int = 0) -> BlockId:
    return BlockId(number, bytes([number, fork]) * 16)


def log(transaction: int = 1, index: int = 0, number: int = 5) -> FoundLog:
    return FoundLog(bytes(20), (bytes(32),), b"", block(number), transaction.to_bytes(32), index)


def test_an_event_is_seen_then_settled_then_judged() -> None:
    events = PaymentEvents()
    events.see(log(), is_in_time=True)
    assert events.has_seen
    assert (events.count(is_in_time=True), events.count(is_in_time=True, is_proven=True)) == (1, 0)
    events.settle(log(), is_in_time=True, is_proof=False)
    assert not events.has_seen
    assert events.unjudged == (log(),)
    assert events.count(is_in_time=True) == 1
    events.judge(log(), is_proven=True)
    assert events.unjudged == ()
    assert events.first_proof() == (block(5), log().transaction_hash)
    assert events.count(is_in_time=True, is_proven=True) == 1


def test_what_proves_nothing_counts_for_nothing() -> None:
    events = PaymentEvents()
    events.settle(log(), is_in_time=True, is_proof=False)
    events.judge(log(), is_proven=False)
    assert events.count(is_in_time=True) == events.count(is_in_time=False) == 0
    assert events.first_proof() is None


def test_an_event_of_a_token_is_proof_once_it_is_deep() -> None:
    events = PaymentEvents()
    events.see(log(), is_in_time=True)
    assert not events.has_proof
    events.settle(log(), is_in_time=True, is_proof=True)
    assert events.has_proof
    assert events.unjudged == ()


def test_the_first_proof_in_the_chain_is_what_paid() -> None:
    events = PaymentEvents()
    for number in (9, 6, 8):
        events.settle(log(number, number=number), is_in_time=number != 6, is_proof=True)
    assert events.first_proof() == (block(8), (8).to_bytes(32))
    assert events.count(is_in_time=False, is_proven=True) == 1


def test_what_vanishes_is_forgotten() -> None:
    events = PaymentEvents()
    events.settle(log(1, number=5), is_in_time=True, is_proof=True)
    events.settle(log(2, number=6), is_in_time=True, is_proof=True)
    assert events.forget_above(5)
    assert not events.forget_above(5)
    assert events.last_block == 5


def test_what_was_seen_and_is_no_more_is_forgotten() -> None:
    events = PaymentEvents()
    events.see(log(1), is_in_time=True)
    events.see(log(2), is_in_time=True)
    events.settle(log(3), is_in_time=True, is_proof=False)
    assert not events.keep_seen([((1).to_bytes(32), 0), ((2).to_bytes(32), 0)])
    assert events.keep_seen([((2).to_bytes(32), 0)])
    assert len(events.items()) == 2


def test_an_event_that_moved_is_in_its_new_block() -> None:
    events = PaymentEvents()
    moved = replace(log(), block=block(5, 1))
    events.see(log(), is_in_time=True)
    events.see(moved, is_in_time=True)
    assert [event.block for _, event in events.items()] == [moved.block]


def test_many_that_prove_nothing_do_not_crowd_out_one_that_does() -> None:
    events = PaymentEvents()
    for number in range(MOST_EVENTS):
        events.settle(log(number), is_in_time=True, is_proof=False)
        events.judge(log(number), is_proven=False)
    for number in range(MOST_EVENTS, 2 * MOST_EVENTS):
        events.settle(log(number), is_in_time=True, is_proof=True)
    events.settle(log(999), is_in_time=True, is_proof=True)
    assert len(events.items()) == MOST_EVENTS
    assert events.count(is_in_time=True, is_proven=True) == MOST_EVENTS


def test_what_was_stored_and_proved_nothing_is_judged_again() -> None:
    events = PaymentEvents()
    events.restore(log(1), is_proven=False, is_in_time=True)
    events.restore(log(2), is_proven=True, is_in_time=True)
    assert events.unjudged == (log(1),)
    assert events.count(is_in_time=True, is_proven=True) == 1


def test_what_was_stored_as_too_late_is_so_after_a_restart() -> None:
    events = PaymentEvents()
    events.restore(log(1), is_proven=True, is_in_time=False)
    assert events.first_proof() is None
    assert (events.count(is_in_time=True), events.count(is_in_time=False)) == (0, 1)


def test_what_proves_nothing_is_told_once() -> None:
    events = PaymentEvents()
    events.settle(log(1), is_in_time=True, is_proof=False)
    assert not events.has_untold
    events.judge(log(1), is_proven=False)
    assert events.has_untold
    events.note_told()
    assert not events.has_untold
