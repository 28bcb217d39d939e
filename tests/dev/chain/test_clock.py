from minirelay.dev.chain.clock import Clock
from tests.dev.chain.asking import START, SlowClock


def test_block_takes_the_machines_time(clock: SlowClock) -> None:
    assert Clock(read=clock).timestamp_after(START - 100) == START


def test_block_is_always_later_than_its_parent(clock: SlowClock) -> None:
    chain = Clock(read=clock)
    assert chain.timestamp_after(START) == START + 1
    assert chain.timestamp_after(START + 50) == START + 51


def test_advancing_adds_up(clock: SlowClock) -> None:
    chain = Clock(read=clock)
    chain.advance(10)
    chain.advance(5)
    assert chain.offset_s == 15
    assert chain.timestamp_after(0) == START + 15


def test_chosen_timestamp_is_for_one_block_and_time_flows_on_from_it(clock: SlowClock) -> None:
    chain = Clock(next_timestamp=START + 1000, read=clock)
    assert chain.timestamp_after(START) == START + 1000
    chain.settle(START + 1000)
    clock.now += 7
    assert chain.next_timestamp is None
    assert chain.timestamp_after(START) == START + 1007


def test_ordinary_block_shifts_nothing(clock: SlowClock) -> None:
    chain = Clock(offset_s=3, read=clock)
    chain.settle(START + 99)
    assert chain.offset_s == 3
