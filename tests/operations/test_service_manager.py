"""What systemd is told, as it would receive it."""

import asyncio
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minirelay.operations.service_manager import ServiceManager
from minirelay.store.errors import StoreUnavailable

TIMEOUT_S = 20.0


class Systemd:
    """A socket as systemd has one."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    async def hears(self) -> list[str]:
        """Wait for a message; give its lines."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(TIMEOUT_S):
            return (await loop.sock_recv(self.socket, 4096)).decode().splitlines()

    def has_heard(self) -> list[str]:
        """Return the lines of all messages that are there."""
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return lines


@contextmanager
def listening(address: str) -> Iterator[Systemd]:
    one = Systemd(address)
    try:
        yield one
    finally:
        one.socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with listening(str(tmp_path / "notify")) as one:
        yield one


def manager(systemd: Systemd, watchdog_s: float = 0.0) -> ServiceManager:
    return ServiceManager(systemd.socket.getsockname(), watchdog_s)


async def answer() -> None:
    """Answer as a writer does that is well."""


async def test_it_says_that_it_serves_and_that_it_stops(systemd: Systemd) -> None:
    async with manager(systemd).serving(answer, lambda: "serving 3 sessions"):
        assert await systemd.hears() == ["READY=1", "STATUS=serving 3 sessions"]
    assert (await systemd.hears())[0] == "STOPPING=1"
    # Nobody wants to hear of a watchdog.
    assert systemd.has_heard() == []


async def test_it_says_that_it_is_alive_within_the_time_that_is_wanted(systemd: Systemd) -> None:
    sessions = [0]
    async with manager(systemd, watchdog_s=0.03).serving(answer, lambda: f"sessions: {sessions[0]}"):
        await systemd.hears()
        for sessions[0] in (1, 2, 3):
            systemd.has_heard()
            assert "WATCHDOG=1" in await systemd.hears()
        systemd.has_heard()
        assert await systemd.hears() == ["WATCHDOG=1", "STATUS=sessions: 3"]


async def test_while_the_writer_does_not_answer_it_says_nothing_and_asks_once(systemd: Systemd) -> None:
    asked: list[asyncio.Event] = []

    async def hang() -> None:
        asked.append(asyncio.Event())
        await asked[-1].wait()

    async with manager(systemd, watchdog_s=0.003).serving(hang, lambda: "x"):
        await systemd.hears()
        await asyncio.sleep(0.1)  # thirty times as long as is wanted
        assert systemd.has_heard() == []
        assert len(asked) == 1
        asked[0].set()
        assert "WATCHDOG=1" in await systemd.hears()


async def test_a_writer_that_fails_has_answered(systemd: Systemd) -> None:
    async def fail() -> None:
        raise StoreUnavailable("disk full")

    async with manager(systemd, watchdog_s=0.003).serving(fail, lambda: "x"):
        await systemd.hears()
        for _ in range(3):
            assert "WATCHDOG=1" in await systemd.hears()


async def test_a_long_start_is_extended_while_it_lasts(systemd: Systemd) -> None:
    go_on = asyncio.Event()

    async def start() -> str:
        await go_on.wait()
        return "started"

    starting = asyncio.create_task(manager(systemd).while_starting(start(), step_s=0.01))
    for _ in range(3):
        assert await systemd.hears() == ["EXTEND_TIMEOUT_USEC=30000", "STATUS=starting"]
    go_on.set()
    assert await starting == "started"
    systemd.has_heard()
    await asyncio.sleep(0.05)
    assert systemd.has_heard() == []


async def test_a_start_that_fails_says_so_to_its_caller(systemd: Systemd) -> None:
    async def start() -> None:
        raise StoreUnavailable("no")

    with pytest.raises(StoreUnavailable):
        await manager(systemd).while_starting(start())


def test_an_abstract_socket_is_reached() -> None:
    name = f"minirelay-test-{os.getpid()}"
    with listening(f"\0{name}") as systemd:
        ServiceManager(f"@{name}").tell("READY=1")
        assert systemd.has_heard() == ["READY=1"]


async def test_without_systemd_nobody_is_told() -> None:
    async with ServiceManager.of({}, 1).serving(answer, lambda: "x"):
        pass


def test_a_socket_that_is_gone_is_told_of_once(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    gone = ServiceManager(str(tmp_path / "gone"))
    for _ in range(3):
        gone.tell("READY=1")
    assert [one.levelno for one in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    ("variables", "watchdog_s"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "60000000"}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 60),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_the_watchdog_is_this_processes_own(variables: dict[str, str], watchdog_s: float) -> None:
    assert ServiceManager.of(variables, 7).watchdog_s == watchdog_s
