"""A session's share of the loop: how much is handed on when, what waits, and what that counts for."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from minirelay.relay.memory_budget import Account, MemoryBudget
from minirelay.web.read_throttle import MESSAGE_BYTES, PIECE_BYTES, ReadLimits, ReadThrottle
from minirelay.web.turn_share import TurnShare
from tests.limits import reading
from tests.relay.house import until

EMPTY = b"\x00\x80\0\0\0\0"
"""An empty fragment of a message that goes on."""
PING = b"\x89\x80\0\0\0\0"
LIMITS = replace(reading(), frames_per_turn=4, bytes_per_turn=1000, frames_per_s=100)


def message(size: int) -> bytes:
    return b"\x82\xfe" + size.to_bytes(2) + bytes(4) + bytes(size)


class Wire(asyncio.Transport):
    """A transport that only says whether it is read, and holds some bytes to be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = True
        self.unsent = 0

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def get_write_buffer_size(self) -> int:
        return self.unsent


class Inner(asyncio.Protocol):
    """What would be aiohttp: keeps the pieces that it gets."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.events: list[str] = []

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def eof_received(self) -> None:
        self.events.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")


@dataclass
class Session:
    """A session that takes messages when the test says so; and the throttle before it, with its own clock."""

    account: Account = field(default_factory=lambda: MemoryBudget(2**30).open(lambda _: None))
    may_receive: bool = True
    signs: int = 0
    now: float = 100.0
    wire: Wire = field(default_factory=Wire)
    inner: Inner = field(default_factory=Inner)
    limits: ReadLimits = LIMITS

    def __post_init__(self) -> None:
        self.throttle = ReadThrottle(self.inner, self.wire, self.limits, clock=lambda: self.now)

    def heard(self) -> None:
        self.signs += 1

    def receive(self, data: bytes) -> None:
        """Let some bytes come in, as an event loop does."""
        while data:
            view = self.throttle.get_buffer(-1)
            size = min(len(view), len(data))
            view[:size] = data[:size]
            self.throttle.buffer_updated(size)
            data = data[size:]

    @property
    def frames(self) -> int:
        """Count the empty frames that were handed on."""
        return sum(len(piece) for piece in self.inner.pieces) // len(EMPTY)


@pytest.fixture
async def session() -> Session:
    session = Session()
    session.throttle.start(session)
    return session


async def turn() -> None:
    await asyncio.sleep(0)


async def test_what_is_little_is_handed_on_at_once_and_as_it_came(session: Session) -> None:
    data = message(200)
    session.receive(data)
    assert session.inner.pieces == [data]
    assert session.wire.is_read
    assert session.signs == 1


async def test_a_turn_has_so_many_frames_and_the_rest_waits_unread(session: Session) -> None:
    session.receive(EMPTY * 10)
    assert (session.frames, session.wire.is_read) == (4, False)
    await turn()
    assert (session.frames, session.wire.is_read) == (8, False)
    await turn()
    assert (session.frames, session.wire.is_read) == (10, True)
    assert b"".join(session.inner.pieces) == EMPTY * 10


async def test_what_comes_later_in_the_same_turn_is_of_the_same_turn(session: Session) -> None:
    for _ in range(6):
        session.receive(EMPTY * 3)
    assert session.frames == 3
    await turn()
    assert session.frames == 7


async def test_a_turn_has_so_many_bytes(session: Session) -> None:
    session.receive(message(2500))
    sizes = [len(session.inner.pieces[0])]
    await turn()
    await turn()
    sizes += [len(piece) for piece in session.inner.pieces[1:]]
    assert sizes == [1000, 1000, 508]


async def test_nothing_more_is_handed_on_until_the_session_has_taken_what_there_is(session: Session) -> None:
    session.receive(PING * 6)
    for _ in range(4):
        await turn()
        assert session.frames == 4
        assert session.throttle.has_more
        session.throttle.taken(0)
    assert not session.throttle.has_more
    assert session.frames == 4
    await turn()
    assert session.frames == 6


async def test_nothing_is_handed_on_to_a_session_that_may_not_receive(session: Session) -> None:
    session.may_receive = False
    session.receive(message(100))
    await turn()
    assert (session.inner.pieces, session.wire.is_read) == ([], False)
    session.may_receive = True
    session.throttle.go_on()
    await turn()
    assert session.inner.pieces == [message(100)]
    assert session.wire.is_read


async def test_a_second_has_so_many_frames_and_all_are_handed_on_in_the_end(session: Session) -> None:
    session.receive(EMPTY * 1000)
    for _ in range(100):
        await turn()
    assert session.frames == LIMITS.frames_per_s
    for seconds in range(1, 10):
        session.now += 1.0
        await until(lambda most=(seconds + 1) * 100: session.frames == most)  # type: ignore[misc]
        await turn()
        assert session.frames == (seconds + 1) * 100
    assert b"".join(session.inner.pieces) == EMPTY * 1000
    assert session.wire.is_read


async def test_the_rest_of_a_frame_is_none_of_its_own(session: Session) -> None:
    session.receive(EMPTY * 99 + message(2000)[:500])
    for _ in range(100):
        await turn()
    session.receive(message(2000)[500:])
    for _ in range(3):
        await turn()
    assert len(b"".join(session.inner.pieces)) == 99 * 6 + 2008


async def test_what_waits_counts_for_the_session(session: Session) -> None:
    account = session.account
    session.receive(b"\x02\xfe\x01\xf4\0\0\0\0" + bytes(100))
    assert account.size_bytes == 100 + PIECE_BYTES
    await turn()
    session.receive(bytes(400))
    assert account.size_bytes == 500 + 2 * PIECE_BYTES
    await turn()
    session.receive(b"\x80\x80\0\0\0\0")
    assert account.size_bytes == 500 + MESSAGE_BYTES
    session.throttle.taken(500)
    assert account.size_bytes == 0
    session.may_receive = False
    session.receive(EMPTY * 50)
    assert account.size_bytes == 300
    session.wire.unsent = 70
    session.throttle.sent()
    assert account.size_bytes == 370
    session.throttle.forget()
    assert account.size_bytes == 0


async def test_a_frame_in_tiny_pieces_counts_for_more_than_its_bytes(session: Session) -> None:
    data = message(900)
    for at in range(500):
        session.receive(data[at : at + 1])
        await turn()
    assert session.account.size_bytes >= 490 + 490 * PIECE_BYTES


async def test_at_the_end_the_client_is_read_on_whatever_nobody_takes(session: Session) -> None:
    close = b"\x88\x82\0\0\0\0\x03\xe8"
    session.receive(PING * 6 + close)
    session.throttle.end(drop=False)
    for _ in range(3):
        await turn()
    assert b"".join(session.inner.pieces) == PING * 6 + close


async def test_what_is_dropped_is_forgotten_at_once_and_nothing_follows(session: Session) -> None:
    session.may_receive = False
    session.receive(message(900))
    session.throttle.end(drop=True)
    assert session.account.size_bytes == 0
    session.receive(message(900))
    await turn()
    assert session.inner.pieces == []
    assert not session.wire.is_read


async def test_everything_else_goes_through(session: Session) -> None:
    session.throttle.pause_writing()
    session.throttle.resume_writing()
    session.throttle.eof_received()
    session.throttle.connection_lost(None)
    assert session.inner.events == ["pause", "resume", "eof", "lost"]


async def test_before_the_session_begins_everything_waits() -> None:
    session = Session()
    session.receive(message(100))
    await turn()
    assert (session.inner.pieces, session.wire.is_read) == ([], False)
    session.throttle.start(session)
    assert session.inner.pieces == [message(100)]
    assert session.wire.is_read


async def test_lost_connections_leave_no_timer_behind(session: Session) -> None:
    session.receive(EMPTY * 1000)
    for _ in range(100):
        await turn()
    session.throttle.connection_lost(None)
    handed_on = session.frames
    session.now += 100
    await asyncio.sleep(LIMITS.frames_per_turn / LIMITS.frames_per_s)
    assert session.frames == handed_on


async def test_all_sessions_together_have_a_share_of_a_turn() -> None:
    limits = replace(LIMITS, together=TurnShare(6, 1000))
    sessions = [Session(limits=limits) for _ in range(3)]
    for one in sessions:
        one.receive(EMPTY * 4)
    for one in sessions:
        one.throttle.start(one)
    assert [one.frames for one in sessions] == [4, 2, 0]
    await turn()
    await turn()
    assert [one.frames for one in sessions] == [4, 4, 4]


async def test_bytes_of_a_turn_are_shared_too() -> None:
    together = TurnShare(100, 1)
    limits = replace(LIMITS, together=together)
    first, second = Session(limits=limits), Session(limits=limits)
    for one in (first, second):
        one.receive(EMPTY)
        one.throttle.start(one)
    assert (first.frames, second.frames) == (1, 0)
    await turn()
    await turn()
    assert second.frames == 1
