"""What is asked before anything is decided."""

from pathlib import Path

from minirelay.shop.order_states import OrderState
from tests.payments.watching import watching

PAID, UNPAID = OrderState.PAID, OrderState.UNPAID


async def test_that_somebody_has_paid_counts_once_however_many_events_there_are(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        one.chain.target.payer = b"\x01" * 20
        request = (await one.request()).request
        for _ in range(3):
            one.chain.event(request, count=2)
            await one.settle()
        assert await one.state() == "paid"
        assert await one.told() == []


async def test_an_event_is_judged_when_there_is_a_request_left_to_ask(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.target.is_busy = True
        one.chain.event((await one.request()).request)
        await one.settle()
        assert await one.order() is UNPAID
        one.chain.target.is_busy = False
        await one.poll()
        assert await one.order() is PAID
