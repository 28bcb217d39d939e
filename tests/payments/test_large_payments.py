"""Large sums: two endpoints have to say the same, and a block has to be deeper."""

from copy import deepcopy
from pathlib import Path

import pytest

from minirelay.payments.large_payments import ASKED_AGAIN_S, LargeTotal
from minirelay.shop.order_states import OrderState
from tests.payments.model_chain import ModelChain
from tests.payments.watching import Watching, watching
from tests.shop.patching import NATIVE, TOKEN

PAID, UNPAID = OrderState.PAID, OrderState.UNPAID
LARGE = {NATIVE: LargeTotal(1), TOKEN: LargeTotal(1)}


def copy(chain: ModelChain) -> ModelChain:
    """Another endpoint that tells of the same chain as it is now."""
    chain.another = None
    other = ModelChain(chain.start, target=chain.target)
    other.blocks = deepcopy(chain.blocks)
    return other


async def pay(one: Watching, way: str) -> None:
    request = (await one.request()).request
    one.chain.pay(request, way)


async def poll_later(one: Watching) -> None:
    """Poll when it is time to ask again."""
    one.chain.mine(at=one.chain.time + ASKED_AGAIN_S)
    await one.poll()


@pytest.mark.parametrize("coin", [NATIVE, None], ids=["coins", "token"])
@pytest.mark.parametrize("way", ["call", "address"])
async def test_what_one_endpoint_says_alone_is_an_alert_and_no_payment(
    tmp_path: Path, coin: bytes | None, way: str
) -> None:
    async with watching(tmp_path, coin=coin, large=LARGE) as one:
        for _ in range(9):
            one.chain.mine()
        without = copy(one.chain)
        await pay(one, way)
        for _ in range(3):
            without.mine()
        one.chain.another = without
        await one.poll(3)
        # It is another block for the other one.
        assert (await one.order(), await one.state()) == (UNPAID, "seen")
        await one.poll(3)
        ((kind, _, is_urgent),) = await one.shop.alerts()
        assert (kind, is_urgent) == ("contradicted", 1)
        one.chain.another = copy(one.chain)
        await poll_later(one)
        assert (await one.order(), await one.state()) == (PAID, "paid")


@pytest.mark.parametrize("coin", [NATIVE, None], ids=["coins", "token"])
@pytest.mark.parametrize("way", ["call", "address"])
async def test_it_is_paid_when_both_say_so(tmp_path: Path, coin: bytes | None, way: str) -> None:
    async with watching(tmp_path, coin=coin, large=LARGE) as one:
        await pay(one, way)
        one.chain.another = copy(one.chain)
        await one.poll(2)
        assert (await one.order(), await one.state()) == (PAID, "paid")
        assert one.chain.another.asked > 0
        assert await one.told() == []


async def test_where_the_block_is_the_same_but_nothing_is_in_it_it_does_not_count(tmp_path: Path) -> None:
    async with watching(tmp_path, large=LARGE) as one:
        await pay(one, "address")
        other = copy(one.chain)
        for block in other.blocks:
            block.amounts.clear()
        one.chain.another = other
        await one.poll(3)
        assert await one.order() is UNPAID
        assert await one.told() == ["contradicted"]


async def test_an_endpoint_that_is_behind_or_dead_delays_it_without_an_alert(tmp_path: Path) -> None:
    async with watching(tmp_path, large=LARGE) as one:
        behind = copy(one.chain)
        await pay(one, "address")
        one.chain.another = behind
        await one.poll(2)
        assert (await one.order(), await one.state()) == (UNPAID, "seen")
        behind.is_unreachable = True
        await poll_later(one)
        assert (await one.state(), await one.told()) == ("seen", [])
        one.chain.another = copy(one.chain)
        await poll_later(one)
        assert await one.order() is PAID


async def test_it_is_not_asked_at_each_poll(tmp_path: Path) -> None:
    async with watching(tmp_path, large=LARGE) as one:
        behind = copy(one.chain)
        await pay(one, "address")
        one.chain.another = behind
        await one.poll(9)
        assert behind.asked == 1


async def test_one_that_was_swept_meanwhile_is_known_by_its_event(tmp_path: Path) -> None:
    async with watching(tmp_path, confirmations=2, large=LARGE) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.poll()
        one.chain.sweep(request)
        one.chain.mine()
        one.chain.another = copy(one.chain)
        await one.poll(2)
        assert (await one.order(), await one.state()) == (PAID, "paid")


async def test_its_block_has_to_be_as_deep_as_is_set(tmp_path: Path) -> None:
    async with watching(tmp_path, large={NATIVE: LargeTotal(1, confirmations=3)}) as one:
        await pay(one, "address")
        for _ in range(2):
            await one.poll(2)
            assert (await one.order(), await one.state()) == (UNPAID, "seen")
            one.chain.mine()
        await one.poll()
        assert await one.order() is PAID


async def test_what_is_not_large_needs_no_other_word(tmp_path: Path) -> None:
    async with watching(tmp_path, large={NATIVE: LargeTotal(10**30), TOKEN: LargeTotal(1)}) as one:
        behind = copy(one.chain)
        await pay(one, "call")
        one.chain.another = behind
        await one.poll(2)
        assert (await one.order(), behind.asked) == (PAID, 0)
