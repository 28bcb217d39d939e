from collections.abc import Callable
from functools import partial
from pathlib import Path

from minirelay.relay.guest_queue import ON_WAY_BYTES, WRITE_BYTES, GuestQueue
from tests.relay.house import TIMEOUT_S, listing, order, running_relay, until

LARGE = ON_WAY_BYTES


def taker(taken: list[str], name: str) -> Callable[[], None]:
    return lambda: taken.append(name)


def never() -> None:
    raise AssertionError("its session is open")


def test_what_fits_is_handed_on_at_once() -> None:
    taken: list[str] = []
    queue = GuestQueue()
    count = ON_WAY_BYTES // (100 + WRITE_BYTES)
    for number in range(count + 2):
        queue.submit(number, 100, taker(taken, str(number)), never)
    assert len(taken) == count
    queue.done(100)
    queue.done(100)
    assert len(taken) == count + 2


def test_a_single_large_write_goes_alone() -> None:
    taken: list[str] = []
    queue = GuestQueue()
    queue.submit(1, 10, taker(taken, "small"), never)
    queue.submit(2, 2**20, taker(taken, "large"), never)
    queue.submit(3, 10, taker(taken, "behind"), never)
    assert taken == ["small"]
    queue.done(10)
    assert taken == ["small", "large"]
    queue.done(2**20)
    assert taken == ["small", "large", "behind"]


def test_every_guest_has_a_turn_and_its_own_writes_keep_their_order() -> None:
    taken: list[str] = []
    queue = GuestQueue()
    queue.submit(9, LARGE, taker(taken, "first"), never)
    for number in range(4):
        queue.submit(1, LARGE, taker(taken, f"many {number}"), never)
    queue.submit(2, LARGE, taker(taken, "one"), never)
    for _ in range(5):
        queue.done(LARGE)
    assert taken == ["first", "many 0", "one", "many 1", "many 2", "many 3"]


async def test_a_clerk_passes_what_guests_have_waiting(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk, guest = await house.clerk(), await house.guest()
        numbers = range(1, 101)
        async with house.disk_held():
            writes = [await guest.start_write(order(number)) for number in numbers]
            theirs = await clerk.start_write(listing(1))
        answer = await theirs
        assert answer is not None
        still_waiting = sum(not write.done() for write in writes)
        for write in writes:
            await write
        seq = await house.durable_seq()
        assert seq == 2 + 100 + 1
        assert still_waiting > 0


def test_what_waits_of_a_session_that_ends_is_abandoned_and_what_was_handed_on_goes_on() -> None:
    taken: list[str] = []
    abandoned: list[str] = []
    queue = GuestQueue()
    queue.submit(1, LARGE, taker(taken, "first"), never)
    for number in range(3):
        queue.submit(1, LARGE, taker(taken, "of the one that leaves"), partial(abandoned.append, str(number)))
    queue.submit(2, 10, taker(taken, "of another"), never)
    queue.drop(1)
    queue.drop(1)
    assert abandoned == ["0", "1", "2"]
    queue.done(LARGE)
    assert taken == ["first", "of another"]


async def test_leaving_and_coming_back_piles_nothing_up(tmp_path: Path) -> None:
    """A guest fills the queue, leaves, and fills it again: only what was on its way already is judged."""
    async with running_relay(tmp_path) as house:
        await house.clerk()
        key = await house.enrol(is_guest=True)
        before = await house.durable_seq()
        rounds, each = 4, 50
        async with house.disk_held():
            for at in range(rounds):
                guest = await house.session(key)
                guest.nonce = at * 1000
                for number in range(each):
                    await guest.start_write(order(at * each + number + 1))
                await until(lambda: house.relay.session_count == 2)
                connection = house.connection_of(guest)
                await until(lambda c=connection: c.backpressure.unanswered_bytes > 0)  # type: ignore[misc]
                guest.abort()
                await until(lambda: house.relay.session_count == 1)
        await house.relay.drain(TIMEOUT_S)
        most = ON_WAY_BYTES // WRITE_BYTES
        assert await house.durable_seq() - before <= 2 * most
