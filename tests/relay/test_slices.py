"""Long work and the event loop take turns."""

import asyncio
from collections.abc import Iterator

import pytest

from minirelay.relay.slices import SlicedWork


class Clock:
    """Time that passes when work is done."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def steps(clock: Clock, done: list[str], name: str, count: int, seconds: float = 1.0) -> Iterator[None]:
    for _ in range(count):
        clock.now += seconds
        done.append(name)
        yield


async def turn() -> None:
    await asyncio.sleep(0)


async def test_a_slice_ends_with_the_step_that_uses_it_up() -> None:
    clock, done = Clock(), list[str]()
    SlicedWork(3, clock).add(steps(clock, done, "a", 10))
    assert done == []
    for expected in (3, 6, 9, 10, 10):
        await turn()
        assert len(done) == expected


async def test_short_works_share_a_slice_and_long_ones_take_turns() -> None:
    clock, done = Clock(), list[str]()
    work = SlicedWork(4, clock)
    work.add(steps(clock, done, "a", 2))
    work.add(steps(clock, done, "b", 6))
    work.add(steps(clock, done, "c", 5))
    for expected in ("aabb", "aabbcccc", "aabbccccbbbb", "aabbccccbbbbc"):
        await turn()
        assert "".join(done) == expected


async def test_a_step_longer_than_a_slice_is_a_slice() -> None:
    clock, done = Clock(), list[str]()
    SlicedWork(1, clock).add(steps(clock, done, "a", 2, seconds=50))
    await turn()
    assert done == ["a"]


async def test_work_that_fails_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = Clock(), list[str]()
    seen: list[BaseException | None] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_exception_handler", lambda context: seen.append(context["exception"]))

    def fail() -> Iterator[None]:
        yield
        raise ZeroDivisionError

    work = SlicedWork(4, clock)
    work.add(fail())
    work.add(steps(clock, done, "a", 1))
    await turn()
    await turn()
    assert done == ["a"]
    assert [type(one) for one in seen] == [ZeroDivisionError]
