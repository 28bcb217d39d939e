from collections.abc import Callable
from functools import partial
from pathlib import Path

from minirelay.protocol.cbor import Value
from minirelay.protocol.envelope import Success
from minirelay.relay.guest_queue import HEAVY_WORK, ON_WAY_BYTES, REMEMBERED, WRITE_BYTES, GuestQueue
from tests.raw_client import Spec
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


def test_the_writes_of_a_guest_whose_last_one_was_much_work_go_alone() -> None:
    taken: list[str] = []
    queue = GuestQueue()
    queue.note_work(1, 3 * HEAVY_WORK)
    queue.submit(2, 10, taker(taken, "light"), never)
    for number in range(2):
        queue.submit(1, 10, taker(taken, f"heavy {number}"), never)
    queue.submit(2, 10, taker(taken, "light behind"), never)
    assert taken == ["light"]
    queue.done(10)
    assert taken == ["light", "heavy 0"]
    queue.done(10)
    # It takes more than one light write to be trusted again, and leaving doesn't help.
    queue.note_work(1, 1)
    queue.drop(3)
    assert taken == ["light", "heavy 0", "light behind"]
    queue.done(10)
    assert taken[3:] == ["heavy 1"]
    queue.note_work(1, 1)
    queue.done(10)
    for number in range(2):
        queue.submit(1, 10, taker(taken, f"light {number}"), never)
    assert taken[4:] == ["light 0", "light 1"]


def test_of_guests_with_heavy_writes_those_who_wrote_last_are_remembered() -> None:
    taken: list[str] = []
    queue = GuestQueue()
    for card_row in range(REMEMBERED + 1):
        queue.note_work(card_row, 2 * HEAVY_WORK)
    queue.submit(-1, 10, taker(taken, "another"), never)
    queue.submit(0, 10, taker(taken, "forgotten"), never)
    queue.submit(1, 10, taker(taken, "remembered"), never)
    assert taken == ["another", "forgotten"]


async def test_a_clerk_waits_behind_one_heavy_write_of_guests_and_no_more(tmp_path: Path) -> None:
    """A few kilobytes that have two megabytes of orders decoded and encoded, again and again."""
    orders = range(1, 31)
    items: Value = [{"ListingID": 1, "Quantity": 1}] * 2900

    def change(quantity: int) -> list[Spec]:
        return [("replace", ("Orders", number, "Items", 0, "Quantity"), quantity) for number in orders]

    async with running_relay(tmp_path) as house:
        clerk, guest = await house.clerk(), await house.guest()
        await clerk.write(listing(1))
        for number in orders:
            await guest.write(("add", ("Orders", number), {"ID": number, "State": 1, "Items": items}))
        await guest.write(*change(2))
        writes = [await guest.start_write(*change(3 + number)) for number in range(6)]
        await writes[0]
        answer = await (await clerk.start_write(listing(2)))
        assert isinstance(answer.message, Success)
        assert sum(write.done() for write in writes) <= 3
        for write in writes:
            assert isinstance((await write).message, Success)


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
