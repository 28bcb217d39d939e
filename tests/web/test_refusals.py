"""What is refused is said at once, then counted."""

import logging

import pytest

from minirelay.web.refusals import MAX_NAMED, Refusals, Refused


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    counts = [(record.__dict__["count"], record.__dict__["last"]) for record in caplog.records]
    caplog.clear()
    return counts


def test_the_first_one_is_said_at_once_the_others_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    refusals = Refusals(clock, 60)
    for number in range(6000):
        refusals.note(Refused.SILENT, f"192.0.2.{number % 7}")
    assert said(caplog) == [(1, "192.0.2.0")]
    clock.now = 59
    refusals.say_due()
    assert said(caplog) == []
    clock.now = 60
    refusals.say_due()
    refusals.say_due()
    assert said(caplog) == [(5999, "192.0.2.0")]
    clock.now = 200
    refusals.say_due()
    assert said(caplog) == []
    refusals.note(Refused.SILENT, "192.0.2.9")
    assert said(caplog) == [(1, "192.0.2.9")]


def test_what_was_counted_is_said_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(Clock(), 60)
    for what in (Refused.SILENT, Refused.FILES, Refused.FILES):
        refusals.note(what, "192.0.2.1")
    assert said(caplog) == [(1, "192.0.2.1")] * 2
    refusals.say_all()
    refusals.say_all()
    assert said(caplog) == [(1, "192.0.2.1")]


@pytest.mark.parametrize("what", Refused)
def test_each_kind_has_a_line_of_its_own(what: Refused, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Refusals(Clock(), 60).note(what, "192.0.2.1")
    (record,) = caplog.records
    assert what.value in record.getMessage()


def test_a_peer_is_named_once_and_few_are_remembered(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(Clock(), 60)
    for _ in range(3):
        refusals.note_forwarding("192.0.2.1")
    (record,) = caplog.records
    assert "trusted_proxies" in record.getMessage()
    for number in range(MAX_NAMED):
        refusals.note_forwarding(f"peer {number}")
    assert refusals.named_count == MAX_NAMED
