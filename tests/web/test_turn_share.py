import asyncio

from minirelay.web.turn_share import TurnShare


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
