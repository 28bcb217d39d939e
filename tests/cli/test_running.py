"""How commands run until they are stopped."""

import asyncio
import logging
import os
import resource
import signal
from collections.abc import Iterator

import pytest

from minirelay.cli.running import REQUEST_FILES, allow_sessions, stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_ends_the_task_in_order(number: signal.Signals) -> None:
    ended: list[str] = []

    async def serve() -> None:
        stop_on_signals()
        os.kill(os.getpid(), number)
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 20)
        except asyncio.CancelledError:
            # the second one would end the process at once
            ended.append(str(signal.getsignal(number)))
            raise

    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        with asyncio.Runner() as runner, pytest.raises(asyncio.CancelledError):
            runner.run(serve())
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    # A closing terminal may say it twice.
    assert ended == [str(signal.SIG_IGN if number is signal.SIGHUP else signal.SIG_DFL)]


def test_under_nohup_a_closed_terminal_is_no_reason_to_stop() -> None:
    async def serve() -> None:
        stop_on_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with asyncio.Runner() as runner:
            runner.run(serve())
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@pytest.fixture
def few_files() -> Iterator[int]:
    """Let this process open 300 files, until the test is over; give how many it could have at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def allowed_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_there_is_a_file_for_each_session(few_files: int, caplog: pytest.LogCaptureFixture) -> None:
    allow_sessions(300 - REQUEST_FILES - 64, 64)
    assert allowed_files() == 300
    allow_sessions(301, 70)
    assert allowed_files() == 301 + REQUEST_FILES + 70
    # It never takes files away.
    allow_sessions(1, 64)
    assert allowed_files() == 301 + REQUEST_FILES + 70
    assert caplog.records == []


def test_a_system_that_allows_too_few_files_is_told_of(
    few_files: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    # The hard limit can't be raised again, so it is only said to be lower.
    monkeypatch.setattr(resource, "getrlimit", lambda _: (300, 400))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: taken.append(limits))
    taken: list[tuple[int, int]] = []
    allow_sessions(4096, 64)
    assert taken == [(400, 400)]
    (record,) = caplog.records
    assert "LimitNOFILE" in record.getMessage()
    assert record.__dict__["files_allowed"] == 400


def test_a_system_that_refuses_more_files_is_told_of(
    few_files: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_kind: int, _limits: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    allow_sessions(4096, 64)
    (record,) = caplog.records
    assert record.__dict__["files_allowed"] == 300
    monkeypatch.undo()
