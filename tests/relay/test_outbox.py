"""What waits for one client: its order, its bounds, and who waits for room in it."""

import asyncio

from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import Send
from minirelay.relay.outbox import FRAME_BYTES, TIGHT_DIVISOR, Outbox, OutboxLimits, Room
from tests.relay.house import TIMEOUT_S

LIMITS = OutboxLimits(push_bytes=100, answer_bytes=300)


class Client:
    """An outbox, how many pushes its client still takes, and how often something has left."""

    def __init__(self) -> None:
        self.free_pushes = 5
        self.left = 0
        self.memory = MemoryBudget(10_000)
        self.account = self.memory.open(lambda _: None)
        self.outbox = Outbox(LIMITS, self.account, lambda: self.free_pushes, self._note)

    def _note(self) -> None:
        self.left += 1

    async def take(self) -> bytes:
        frame = await asyncio.wait_for(self.outbox.next_frame(), TIMEOUT_S)
        assert frame is not None
        self.outbox.sent([frame])
        return frame


async def test_frames_leave_in_order_and_count_until_they_have_left() -> None:
    client = Client()
    client.outbox.put(Send(b"first"))
    client.outbox.put(Send(b"second", is_push=True))
    assert client.outbox.frames == (b"first", b"second")
    assert await client.outbox.next_frame() == b"first"
    assert (client.outbox.size_bytes, client.left) == (11, 0)
    client.outbox.sent([b"first"])
    assert (client.outbox.size_bytes, client.left) == (6, 1)
    assert await client.take() == b"second"
    assert client.outbox.size_bytes == 0


async def test_frames_that_wait_behind_one_are_taken_together_as_far_as_they_are_small() -> None:
    client = Client()
    for frame in (b"first", bytes(50), bytes(30), bytes(21), b""):
        client.outbox.put(Send(frame))
    frames = [await client.outbox.next_frame(), *client.outbox.frames_behind(100)]
    assert frames == [b"first", bytes(50), bytes(30)]
    taken = [frame for frame in frames if frame is not None]
    assert client.account.size_bytes == 2 * 85 + 21 + 5 * FRAME_BYTES
    client.outbox.sent(taken)
    assert (client.outbox.size_bytes, client.left) == (21, 1)
    assert client.account.size_bytes == 21 + 2 * FRAME_BYTES
    assert client.outbox.frames_behind(20) == []
    assert client.outbox.frames_behind(21) == [bytes(21), b""]
    assert client.outbox.frames_behind(21) == []


async def test_who_waits_for_a_frame_gets_the_next_one_or_the_end() -> None:
    client = Client()
    waiting = asyncio.create_task(client.outbox.next_frame())
    await asyncio.sleep(0)
    client.outbox.put(Send(b"late"))
    assert await asyncio.wait_for(waiting, TIMEOUT_S) == b"late"
    waiting = asyncio.create_task(client.outbox.next_frame())
    await asyncio.sleep(0)
    client.outbox.close()
    assert await asyncio.wait_for(waiting, TIMEOUT_S) is None


async def test_what_was_queued_before_the_end_still_leaves() -> None:
    client = Client()
    client.outbox.put(Send(b"answer"))
    client.outbox.close()
    assert await client.take() == b"answer"
    assert await client.outbox.next_frame() is None


async def test_withdrawn_pushes_neither_leave_nor_count() -> None:
    client = Client()
    client.outbox.put(Send(b"on its way", is_push=True))
    assert await client.outbox.next_frame() == b"on its way"
    client.outbox.put(Send(b"push", is_push=True))
    client.outbox.put(Send(b"answer"))
    client.outbox.withdraw_pushes()
    assert client.outbox.frames == (b"answer",)
    assert client.outbox.size_bytes == len(b"on its way") + len(b"answer")


async def test_it_is_full_at_its_limit_for_answers() -> None:
    client = Client()
    client.outbox.put(Send(bytes(299)))
    assert not client.outbox.is_full
    client.outbox.put(Send(b"."))
    assert client.outbox.is_full


async def test_pushes_have_room_below_their_limit_while_the_client_acknowledges() -> None:
    client = Client()
    client.outbox.put(Send(bytes(99)))
    assert client.outbox.has_room()
    client.free_pushes = 0
    assert not client.outbox.has_room()
    client.free_pushes = 1
    client.outbox.put(Send(b"."))
    assert not client.outbox.has_room()


async def test_a_turn_begins_when_half_of_the_room_is_free_and_ends_before_the_next() -> None:
    client = Client()
    client.outbox.put(Send(bytes(40)))
    client.outbox.put(Send(bytes(40)))
    rooms: list[Room] = []
    go_on = asyncio.Event()

    async def fill() -> None:
        async with client.outbox.turn() as room:
            rooms.append(room)
            await go_on.wait()

    turns = [asyncio.create_task(fill()) for _ in range(2)]
    await asyncio.sleep(0)
    assert client.outbox.is_being_filled
    assert not rooms
    await client.take()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert rooms == [Room(pushes=5, size_bytes=60)]
    go_on.set()
    await asyncio.wait_for(asyncio.gather(*turns), TIMEOUT_S)
    assert len(rooms) == 2
    assert not client.outbox.is_being_filled


async def test_an_acknowledgement_lets_a_turn_begin() -> None:
    client = Client()
    client.free_pushes = 0

    async def fill() -> Room:
        async with client.outbox.turn() as room:
            return room

    turn = asyncio.create_task(fill())
    await asyncio.sleep(0)
    client.free_pushes = 1
    client.outbox.acknowledged()
    assert await asyncio.wait_for(turn, TIMEOUT_S) == Room(pushes=1, size_bytes=100)


# -- memory


async def test_frames_count_for_the_session_until_they_have_left_twice_while_on_their_way() -> None:
    client = Client()
    client.outbox.put(Send(bytes(50)))
    client.outbox.put(Send(bytes(10), is_push=True))
    assert client.account.size_bytes == 60 + 2 * FRAME_BYTES
    frame = await client.outbox.next_frame()
    assert frame is not None
    assert client.account.size_bytes == 110 + 2 * FRAME_BYTES
    client.outbox.sent([frame])
    assert client.account.size_bytes == 10 + FRAME_BYTES
    client.outbox.withdraw_pushes()
    assert client.account.size_bytes == 0


async def test_dropped_frames_neither_leave_nor_count() -> None:
    client = Client()
    client.outbox.put(Send(bytes(50)))
    client.outbox.put(Send(bytes(10)))
    on_its_way = await client.outbox.next_frame()
    assert on_its_way is not None
    client.outbox.drop()
    assert (client.account.size_bytes, client.outbox.size_bytes) == (0, 0)
    assert await client.outbox.next_frame() is None
    client.outbox.sent([on_its_way])
    assert (client.account.size_bytes, client.outbox.size_bytes) == (0, 0)


async def test_when_memory_is_tight_pushes_wait_in_the_log_sooner() -> None:
    client = Client()
    other = client.memory.open(lambda _: None)
    other.hold(client.memory.limit_bytes // 2 + 1)
    client.outbox.put(Send(bytes(LIMITS.push_bytes // TIGHT_DIVISOR)))
    assert not client.outbox.has_room()
    other.hold(-other.size_bytes)
    assert client.outbox.has_room()
