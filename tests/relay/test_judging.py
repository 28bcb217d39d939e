"""What is decided of a request, whatever it raises."""

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from minirelay.errors import MinirelayError, Refusal, StoreError, invalid
from minirelay.logs import bound, fields_of
from minirelay.relay.judging import answer_of, judge, judge_in_thread, prepare
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.messages import ShopRow

HEAD = ShopHead.start(0, ShopRow(1, 1, 0))


@dataclass
class Failing:
    """A request that raises the same at each step."""

    error: Exception
    size_bytes: int = 0
    steps: list[str] = field(default_factory=list)

    def decode(self) -> None:
        self.steps.append("decode")
        raise self.error

    def verify(self) -> None:
        self.steps.append("verify")
        raise self.error

    def take_turn(self) -> bool:
        return True

    def end_turn(self, missing: FactsMissing | None = None) -> None:
        assert missing is None

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        assert head is HEAD
        self.steps.append(f"judge, collecting: {gc.isenabled()}, bounded: {loop_work is not None}")
        raise self.error

    def log_as(self, tell: Callable[[], None]) -> None:
        with bound(session="its own"):
            tell()

    def stored(self, root_hash: bytes) -> None:
        raise AssertionError(root_hash)

    def refuse(self, error: MinirelayError) -> None:
        raise AssertionError(error)


def test_a_bug_in_preparing_one_is_logged_and_all_are_prepared(caplog: pytest.LogCaptureFixture) -> None:
    requests = [Failing(ZeroDivisionError()), Failing(ZeroDivisionError())]
    prepare(requests)
    assert [one.steps for one in requests] == [["decode", "verify"]] * 2
    assert [record.exc_info is not None for record in caplog.records] == [True] * 4


@pytest.mark.parametrize("error", [invalid("no"), StoreError("no")])
def test_what_is_raised_is_given_without_what_it_came_through(error: MinirelayError) -> None:
    assert judge(Failing(error), HEAD, Work()) is error
    assert error.__traceback__ is None


def test_what_is_logged_of_a_bug_names_whose_request_it_was() -> None:
    named: list[object] = []

    class Naming(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            named.append(fields_of(record).get("session"))

    handler, ours = Naming(), logging.getLogger("minirelay.relay.judging")
    ours.addHandler(handler)
    try:
        prepare([Failing(KeyError(1))])
        judge(Failing(KeyError(1)), HEAD, Work())
        judge_in_thread(Failing(KeyError(1)), HEAD)
    finally:
        ours.removeHandler(handler)
    assert named == ["its own"] * 4


def test_a_bug_is_logged_and_refused(caplog: pytest.LogCaptureFixture) -> None:
    for outcome in (judge(Failing(KeyError(1)), HEAD, Work()), judge_in_thread(Failing(KeyError(1)), HEAD)):
        assert isinstance(outcome, Refusal)
        assert "the relay failed" in outcome.message
    assert len(caplog.records) == 2


def test_too_much_work_is_raised_on_the_loop_and_an_outcome_beside_it() -> None:
    with pytest.raises(WorkExceeded):
        judge(Failing(WorkExceeded("no")), HEAD, Work(0))
    assert isinstance(judge_in_thread(Failing(WorkExceeded("no")), HEAD), WorkExceeded)


def test_nothing_is_collected_beside_the_loop_and_no_work_too_much() -> None:
    request = Failing(invalid("no"))
    judge(request, HEAD, Work(0))
    judge_in_thread(request, HEAD)
    assert request.steps == [
        "judge, collecting: True, bounded: True",
        "judge, collecting: False, bounded: False",
    ]


def test_a_question_is_answered_or_refused() -> None:
    def refuse(_head: ShopHead) -> int:
        raise invalid("no")

    assert answer_of(lambda head: head.next_seq, HEAD) == 1
    assert isinstance(answer_of(refuse, HEAD), Refusal)
