from collections.abc import Callable
from pathlib import Path

from minirelay.relay.guest_lane import LANE_BYTES, WRITE_BYTES, GuestLane
from tests.relay.house import listing, order, running_relay

LARGE = LANE_BYTES


def taker(taken: list[str], name: str) -> Callable[[], None]:
    return lambda: taken.append(name)


def test_what_fits_is_handed_on_at_once() -> None:
    taken: list[str] = []
    lane = GuestLane()
    count = LANE_BYTES // (100 + WRITE_BYTES)
    weights = [lane.submit(number, 100, taker(taken, str(number))) for number in range(count + 2)]
    assert len(taken) == count
    lane.done(weights[0])
    lane.done(weights[1])
    assert len(taken) == count + 2


def test_a_single_large_write_goes_alone() -> None:
    taken: list[str] = []
    lane = GuestLane()
    small = lane.submit(1, 10, taker(taken, "small"))
    large = lane.submit(2, 2**20, taker(taken, "large"))
    lane.submit(3, 10, taker(taken, "behind"))
    assert taken == ["small"]
    lane.done(small)
    assert taken == ["small", "large"]
    lane.done(large)
    assert taken == ["small", "large", "behind"]


def test_every_guest_has_a_turn_and_its_own_writes_keep_their_order() -> None:
    taken: list[str] = []
    lane = GuestLane()
    lane.submit(9, LARGE, taker(taken, "first"))
    weights = [lane.submit(1, LARGE, taker(taken, f"many {number}")) for number in range(4)]
    lane.submit(2, LARGE, taker(taken, "one"))
    for _ in range(5):
        lane.done(weights[0])
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
