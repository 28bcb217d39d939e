import asyncio

from minirelay.web.turn_share import LONG_TURN_S, TurnShare


async def test_what_was_taken_is_missing_until_the_next_turn() -> None:
    share = TurnShare(10, 1000)
    share.take(4, 100)
    share.take(4, 100)
    assert share.frames_left == 2
    await asyncio.sleep(0)
    assert share.frames_left == 10


async def test_without_bytes_left_there_are_no_frames_left() -> None:
    share = TurnShare(10, 1000)
    share.take(1, 1000)
    assert share.frames_left == 0
    await asyncio.sleep(0)
    assert share.frames_left == 10


class Greedy:
    """Takes all that it is given, and comes again at once."""

    def __init__(self, share: TurnShare, name: str, served: list[str], each: int = 4) -> None:
        self.share, self.name, self.served, self.each = share, name, served, each

    def come(self) -> None:
        frames = min(self.each, self.share.frames_left)
        if not frames:
            self.share.wait(self.come, is_clerk=False)
            return
        self.served.append(self.name)
        self.share.take(frames, 1)
        asyncio.get_running_loop().call_soon(self.come)


async def test_nobody_starves_beside_those_who_come_again_at_once() -> None:
    served: list[str] = []
    share = TurnShare(8, 1000)
    for name in "abcdef":
        Greedy(share, name, served).come()
    for _ in range(30):
        await asyncio.sleep(0)
    counts = {name: served.count(name) for name in "abcdef"}
    assert max(counts.values()) - min(counts.values()) <= 1
    assert min(counts.values()) >= 5


async def test_who_waits_no_longer_is_not_called() -> None:
    share = TurnShare(1, 1000)
    called: list[str] = []
    share.take(1, 1)
    share.wait(lambda: called.append("first"), is_clerk=False).cancel()
    share.wait(lambda: called.append("second"), is_clerk=False)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert called == ["second"]


async def test_clerks_are_served_first() -> None:
    called: list[str] = []
    share = TurnShare(10, 1000)
    share.wait(lambda: called.append("visitor"), is_clerk=False)
    share.wait(lambda: called.append("clerk"), is_clerk=True)
    await asyncio.sleep(0)
    assert called == ["clerk", "visitor"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_long_turns_make_the_share_smaller_and_short_ones_larger_again() -> None:
    clock = Clock()
    share = TurnShare(64, 1000, clock=clock)
    sizes = []
    for took_s in (10 * LONG_TURN_S, 2 * LONG_TURN_S, 1000 * LONG_TURN_S, 0, 0, 0, 0, 0):
        share.take(1, 1)
        clock.now += took_s
        await asyncio.sleep(0)
        sizes.append(share.frames_left)
    assert sizes == [6, 4, 4, 8, 16, 32, 64, 64]
