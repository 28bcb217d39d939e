"""Payments that a reorganisation drops, or moves, around the depth at which a block counts."""

from pathlib import Path

import pytest

from minirelay.shop.order_states import OrderState
from tests.payments.watching import Watching, watching
from tests.shop.patching import NATIVE

CONFIRMATIONS = 3
DEPTHS = (CONFIRMATIONS - 1, CONFIRMATIONS, CONFIRMATIONS + 1)
PAID, UNPAID = OrderState.PAID, OrderState.UNPAID

pytestmark = [
    pytest.mark.parametrize("coin", [NATIVE, None], ids=["coins", "token"]),
    pytest.mark.parametrize("way", ["call", "address"]),
]


async def pay(one: Watching, way: str, depth: int) -> None:
    """Pay, and poll until the block is so deep."""
    one.chain.final_depth = 100
    request = (await one.request()).request
    if way == "call":
        one.chain.event(request)
    else:
        one.chain.transfer(request, request.amount)
    await one.poll()
    for _ in range(depth - 1):
        one.chain.mine()
        await one.poll()


async def test_what_is_dropped_before_it_was_deep_was_never_there(
    tmp_path: Path, way: str, coin: bytes | None
) -> None:
    async with watching(tmp_path, confirmations=CONFIRMATIONS, coin=coin) as one:
        await pay(one, way, CONFIRMATIONS - 1)
        one.chain.reorganise(CONFIRMATIONS - 1)
        for _ in range(2 * CONFIRMATIONS):
            one.chain.mine()
            await one.poll()
        assert (await one.order(), await one.state()) == (UNPAID, "waiting")
        assert await one.told() == []


@pytest.mark.parametrize("depth", DEPTHS)
async def test_what_is_moved_is_paid_once(tmp_path: Path, way: str, coin: bytes | None, depth: int) -> None:
    async with watching(tmp_path, confirmations=CONFIRMATIONS, coin=coin) as one:
        await pay(one, way, depth)
        dropped = one.chain.reorganise(depth)
        one.chain.mine()
        one.chain.again(dropped[0])
        for _ in range(2 * CONFIRMATIONS):
            one.chain.mine()
            await one.poll()
        assert (await one.order(), await one.state()) == (PAID, "paid")
        assert await one.told() == []


async def test_what_is_moved_behind_the_ttl_before_it_is_deep_is_late(
    tmp_path: Path, way: str, coin: bytes | None
) -> None:
    async with watching(tmp_path, confirmations=CONFIRMATIONS, coin=coin) as one:
        ttl = (await one.request()).request.ttl
        one.chain.mine(at=ttl - 100)
        await pay(one, way, CONFIRMATIONS - 1)
        dropped = one.chain.reorganise(CONFIRMATIONS - 1)
        one.chain.mine(at=ttl + 10)
        await one.poll()
        one.chain.again(dropped[0])
        one.chain.mine(at=ttl + 200)
        for _ in range(2 * CONFIRMATIONS):
            one.chain.mine(at=one.chain.time + 60)
            await one.poll()
        assert (await one.order(), await one.state()) == (UNPAID, "late")


@pytest.mark.parametrize("depth", DEPTHS[1:])
async def test_what_is_dropped_after_it_was_paid_is_reverted(
    tmp_path: Path, way: str, coin: bytes | None, depth: int
) -> None:
    async with watching(tmp_path, confirmations=CONFIRMATIONS, coin=coin) as one:
        await pay(one, way, depth)
        assert (await one.order(), await one.state()) == (PAID, "paid")
        one.chain.reorganise(depth)
        for _ in range(2 * CONFIRMATIONS):
            one.chain.mine()
            await one.poll()
        assert (await one.order(), await one.state()) == (PAID, "reverted")
        assert await one.told() == ["reverted"]
