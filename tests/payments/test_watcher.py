"""What the polls of a chain do to the orders of a real relay."""

import asyncio
from pathlib import Path

import pytest

from minirelay.errors import StoreError
from minirelay.payments.address_balance import PART_INTERVAL_S
from minirelay.payments.settlement import UNPROVEN_DAYS_S
from minirelay.shop.issued_requests import DAY_S
from minirelay.shop.order_states import OrderState
from tests.payments.watching import watching, watching_again
from tests.relay.selling import CAP, STOCK, write
from tests.shop.checkouts import address, buy, cancel, item
from tests.shop.patching import NATIVE, number

PAID, UNPAID, CANCELED = OrderState.PAID, OrderState.UNPAID, OrderState.CANCELED


# -- how it is paid


@pytest.mark.parametrize("coin", [NATIVE, None], ids=["coins", "token"])
@pytest.mark.parametrize("way", ["call", "address", "swept"])
async def test_an_order_is_paid_by_itself(tmp_path: Path, coin: bytes | None, way: str) -> None:
    async with watching(tmp_path, coin=coin) as one:
        request = (await one.request()).request
        one.chain.pay(request, way)
        await one.poll(2)
        if way == "swept":
            one.chain.sweep(request)
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "paid")
        assert await one.told() == []
        assert await one.shop.rows("SELECT count(*) FROM alert") == [(0,)]


async def test_stock_moves_once_for_an_event_and_a_balance_of_one_payment(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.settle()
        one.chain.sweep(request)
        await one.settle()
        assert await one.state() == "paid"
        assert await one.stock() == STOCK - 2


async def test_nothing_is_written_before_a_block_is_deep(tmp_path: Path) -> None:
    async with watching(tmp_path, confirmations=3) as one:
        request = (await one.request()).request
        before = await one.shop.house.durable_seq()
        one.chain.transfer(request, request.amount)
        await one.poll()
        assert (await one.order(), await one.state()) == (UNPAID, "seen")
        one.chain.mine()
        await one.poll()
        assert await one.shop.house.durable_seq() == before
        one.chain.mine()
        await one.poll()
        assert (await one.order(), await one.state()) == (PAID, "paid")
        assert await one.shop.house.durable_seq() == before + 1


async def test_parts_add_up(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount - 1)
        await one.settle()
        assert (await one.order(), await one.state()) == (UNPAID, "short")
        assert await one.shop.alerts() == [("short", request.amount - 1, 0)]
        one.chain.transfer(request, 1)
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "paid")


async def test_an_alert_ends_when_what_it_tells_of_is_over(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount - 1)
        await one.settle()
        assert await one.open_alerts() == ["short"]
        one.chain.transfer(request, 1)
        await one.settle()
        assert (await one.state(), await one.open_alerts()) == ("paid", [])


async def test_one_alert_is_open_about_a_request_whatever_became_of_it(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount - 1)
        await one.settle()
        one.chain.pass_time(DAY_S + 1000)
        await one.poll(3)
        assert (await one.state(), await one.open_alerts()) == ("expired", ["expired"])
        one.chain.transfer(request, 1)
        await one.settle()
        assert (await one.state(), await one.open_alerts()) == ("late", ["late"])


async def test_dust_before_a_payment_does_not_delay_it(tmp_path: Path) -> None:
    """What is a part only is not kept until its block is deep: the whole would have to wait behind it."""
    async with watching(tmp_path, confirmations=3) as one:
        request = (await one.request()).request
        for _ in range(3):
            one.chain.transfer(request, 1)
            await one.poll()
        one.chain.transfer(request, request.amount)
        await one.poll()
        for _ in range(2):
            one.chain.mine()
            await one.poll()
        assert await one.order() is PAID


async def test_a_little_too_much_is_told_with_what_there_is(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount + 7)
        await one.settle()
        assert await one.state() == "over"
        assert await one.shop.alerts() == [("over", request.amount + 7, 0)]


async def test_money_that_comes_after_it_is_paid_is_added_to_the_alert(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.settle()
        for more in (1, 2):
            one.chain.transfer(request, 1)
            await one.settle()
            assert await one.shop.alerts() == [("over", request.amount + more, 0)]


async def test_a_token_paid_over_before_its_ttl_is_urgent(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount + 1)
        await one.settle()
        assert await one.shop.alerts() == [("over", request.amount + 1, 1)]


async def test_an_event_that_proves_nothing_is_told_and_a_later_proof_settles(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.event(request, proves=False)
        await one.settle()
        assert (await one.order(), await one.state()) == (UNPAID, "unproven")
        assert await one.told() == ["unproven"]
        one.chain.event(request)
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "paid")


async def test_an_order_that_costs_nothing_is_paid_at_the_next_poll(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        await one.shop.shop.clerk.write(("replace", ("Listings", CAP, "Price"), 0))
        await write(one.shop.guest, buy(6, item(CAP)))
        await one.poll()
        assert await one.order(6) is PAID


# -- choosing again, changing, withdrawing


@pytest.mark.parametrize("way", ["call", "address"])
async def test_the_first_request_pays_and_the_second_is_a_duplicate(tmp_path: Path, way: str) -> None:
    async with watching(tmp_path) as one:
        first, second = (await one.request(0)).request, (await one.request(1)).request
        for request in (first, second):
            one.chain.pay(request, way)
            await one.settle()
        assert await one.order() is PAID
        assert (await one.state(0), await one.state(1)) == ("paid", "duplicate")
        assert await one.told() == ["duplicate"]


async def test_money_for_the_price_of_another_region_does_not_pay(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        old = (await one.request()).request
        await write(one.shop.guest, [address(5, "replace", Country="NZ")])
        one.chain.transfer(old, old.amount)
        await one.settle()
        assert (await one.order(), await one.state(-2)) == (UNPAID, "superseded")
        assert "superseded" in await one.told()


async def test_a_payment_that_is_seen_when_the_client_cancels_is_late(tmp_path: Path) -> None:
    async with watching(tmp_path, confirmations=3) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.poll()
        await write(one.shop.guest, cancel(5))
        await one.settle()
        assert (await one.order(), await one.state()) == (CANCELED, "late")
        assert await one.told() == ["late"]


async def test_a_half_canceled_order_is_paid(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        await write(one.shop.guest, cancel(5)[:1])
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.settle()
        assert await one.order() is PAID


# -- expiry


async def test_an_unpaid_order_is_canceled_when_its_time_has_passed_for_good(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        ttl = (await one.request()).request.ttl
        one.chain.mine(at=ttl + 5)
        await one.poll()
        assert await one.order() is UNPAID
        one.chain.pass_time(1)
        await one.poll(2)
        assert (await one.order(), await one.state()) == (CANCELED, "expired")
        assert await one.told() == []


async def test_a_chain_that_stands_still_delays_expiry(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        for _ in range(3):
            await one.chain.poll(one.watch, now=one.chain.time + 10 * DAY_S)
        assert await one.order() is UNPAID


async def test_money_that_came_in_time_and_is_not_deep_delays_expiry(tmp_path: Path) -> None:
    async with watching(tmp_path, confirmations=3) as one:
        one.chain.final_depth = 1
        request = (await one.request()).request
        one.chain.mine(at=request.ttl - 20)
        await one.poll()
        one.chain.transfer(request, request.amount)
        await one.poll()
        one.chain.mine(at=request.ttl + 100)
        await one.poll()
        assert await one.order() is UNPAID
        await one.settle()
        assert await one.order() is PAID


async def test_money_that_comes_after_the_ttl_is_late(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.final_depth = 10
        one.chain.mine(at=request.ttl + 100)
        await one.poll()
        one.chain.transfer(request, request.amount)
        # Older ones are looked at every minute.
        one.chain.mine(at=one.chain.time + 60)
        await one.settle()
        assert (await one.order(), await one.state()) == (UNPAID, "late")
        one.chain.pass_time(1)
        await one.poll(2)
        assert await one.order() is CANCELED
        assert await one.told() == ["late"]


async def test_an_unproven_payment_keeps_its_order_for_seven_days(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.event((await one.request()).request, proves=False)
        await one.settle()
        one.chain.pass_time(DAY_S + 100)
        await one.poll(2)
        assert await one.order() is UNPAID
        one.chain.pass_time(UNPROVEN_DAYS_S)
        await one.poll(2)
        assert (await one.order(), await one.state()) == (CANCELED, "unproven")


async def test_an_endpoint_that_gives_few_blocks_at_once_does_not_delay_expiry(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.refuses_logs = True
        one.chain.pass_time(DAY_S + 100)
        await one.poll(2)
        assert await one.order() is CANCELED


async def test_an_event_after_the_ttl_is_late_by_the_time_of_its_block(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.mine(at=request.ttl + 100)
        await one.poll()
        one.chain.event(request)
        await one.settle()
        assert (await one.order() is PAID, await one.state()) == (False, "late")
        assert await one.shop.alerts() == [("late", request.amount, 0)]


async def test_what_came_too_late_does_not_pay_after_a_restart(tmp_path: Path) -> None:
    """It waited for a person, who had not decided yet."""
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.event(request, proves=False)
        await one.settle()
        one.chain.mine(at=request.ttl + 1)
        await one.poll()
        one.chain.event(request)
        await one.settle()
        assert (await one.order(), await one.state()) == (UNPAID, "unproven")
        chain = one.chain
    async with watching_again(tmp_path, chain) as one:
        await one.settle()
        assert (await one.order(), await one.state()) == (UNPAID, "unproven")


async def test_an_event_of_before_the_ttl_that_is_found_later_is_in_time(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.final_depth = 100
        one.chain.hides_logs = True
        one.chain.event(request)
        one.chain.mine(at=request.ttl + 100)
        await one.poll()
        one.chain.hides_logs = False
        one.chain.forget_progress()
        await one.settle()
        assert await one.order() is PAID


async def test_an_event_that_no_poll_gave_is_found_by_the_last_look(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.hides_logs = True
        one.chain.event((await one.request()).request)
        await one.settle()
        assert await one.order() is UNPAID
        one.chain.pass_time(DAY_S + 100)
        await one.poll(3)
        assert await one.order() is PAID


async def test_a_token_that_came_in_time_and_was_swept_after_the_ttl_is_found_by_its_transfers(
    tmp_path: Path,
) -> None:
    """After the TTL the sweeper gives everything to the payee, without an event."""
    async with watching(tmp_path, coin=None) as one:
        chain, request = one.chain, (await one.request()).request
        chain.transfer(request, request.amount - 1)
        await one.settle()
        assert await one.state() == "short"
    chain.transfer(request, 1)
    chain.mine(at=request.ttl + 100)
    chain.sweep(request, says=False)
    async with watching_again(tmp_path, chain) as again:
        await again.settle()
        await again.poll(2)
        assert await again.order() is PAID


async def test_coins_at_the_address_of_a_token_are_found_at_expiry(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.transfer(request, 77, token=NATIVE)
        one.chain.pass_time(DAY_S + 100)
        await one.poll(3)
        assert await one.order() is CANCELED
        assert ("stray", 77, 0) in await one.shop.alerts()


# -- restarts


async def test_a_kill_after_it_was_paid_and_before_the_poll_counted_pays_once(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        chain, request = one.chain, (await one.request()).request
        chain.event(request)
        await one.poll()
        assert await one.order() is PAID
    async with watching_again(tmp_path, chain) as again:
        chain.forget_progress()
        before = await again.shop.house.durable_seq()
        await again.poll(3)
        assert await again.shop.house.durable_seq() == before
        assert await again.state() == "paid"


async def test_what_was_told_is_not_told_again_after_a_restart(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        chain, request = one.chain, (await one.request()).request
        chain.transfer(request, request.amount // 2)
        await one.settle()
        alerts = await one.shop.rows("SELECT * FROM alert")
    async with watching_again(tmp_path, chain) as again:
        await again.settle()
        assert await again.shop.rows("SELECT * FROM alert") == alerts


async def test_a_failed_commit_makes_the_poll_count_for_nothing_and_it_is_paid_in_the_end(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path) as one:
        one.chain.event((await one.request()).request, count=60)
        async with one.shop.house.disk_full():
            writer = one.shop.house.store.writer
            with pytest.raises(StoreError):
                await asyncio.gather(*[writer.put_meta(f"fill {n}", bytes(3000)) for n in range(500)])
            with pytest.raises(StoreError):
                await one.poll()
        await one.poll(2)
        assert await one.order() is PAID
        assert await one.stock() == STOCK - 2


async def test_a_poll_that_is_cancelled_leaves_nothing_undone_and_nothing_twice(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.event((await one.request()).request)
        async with one.shop.house.disk_held():
            poll = asyncio.ensure_future(one.poll())
            done, _ = await asyncio.wait([poll], timeout=0.2)
            assert not done
            poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        await one.poll(2)
        assert (await one.order(), await one.state()) == (PAID, "paid")
        assert await one.told() == []


async def test_at_the_end_what_is_being_decided_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(tmp_path) as one:
        one.chain.event((await one.request()).request)
        async with one.shop.house.disk_held():
            poll = asyncio.ensure_future(one.poll())
            await asyncio.wait([poll], timeout=0.1)
            poll.cancel()
            end = asyncio.ensure_future(one.watch.finish())
            await asyncio.wait([end], timeout=0.1)
            assert not end.done()
        await end
        assert await one.order() is PAID
    assert "not written before the end" not in caplog.text


# -- reorganisations


@pytest.mark.parametrize("way", ["call", "address"])
@pytest.mark.parametrize("depth", [2, 3, 4])
async def test_what_moves_to_another_block_is_paid_once_with_its_last_block(
    tmp_path: Path, way: str, depth: int
) -> None:
    """Confirmations are 3: a block less deep, as deep, and deeper."""
    async with watching(tmp_path, confirmations=3) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.pay(request, way)
        await one.poll()
        for _ in range(depth - 1):
            one.chain.mine()
            await one.poll()
        dropped = one.chain.reorganise(depth)
        one.chain.mine()
        one.chain.again(dropped[0])
        await one.poll()
        await one.settle()
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "paid")
        details = (await one.shop.order())["TxDetails"]
        blocks = {block.header.hash for block in one.chain.blocks}
        assert details["BlockHash"] in blocks
        assert "reverted" not in await one.told()


# -- dead addresses


@pytest.mark.parametrize("confirmations", [1, 3])
async def test_an_address_that_a_stranger_swept_between_two_parts_is_replaced(
    tmp_path: Path, confirmations: int
) -> None:
    async with watching(tmp_path, confirmations=confirmations) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount // 2)
        await one.settle()
        one.chain.sweep(request, says=False)
        await one.settle()
        assert (await one.request(-2)).is_dead
        assert await one.state(-2) == "unproven"
        new = (await one.request()).request
        assert ("dead address", request.amount // 2, 1) in await one.shop.alerts()
        one.chain.transfer(request, request.amount)
        await one.settle()
        assert await one.order() is UNPAID
        one.chain.transfer(new, new.amount)
        await one.settle()
        assert await one.order() is PAID


async def test_a_part_that_a_sweeper_left_where_it_lay_is_told_of_and_its_address_replaced(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, confirmations=3) as one:
        request = (await one.request()).request
        half = request.amount // 2
        one.chain.transfer(request, half)
        await one.settle()
        one.chain.sweep(request, says=False, leaves=True)
        await one.settle()
        assert await one.state() == "short"
        # Young requests are looked at at each poll, but for this only now and then.
        one.chain.mine(at=one.chain.time + PART_INTERVAL_S)
        await one.poll()
        await one.settle()
        assert await one.state(-2) == "unproven"
        assert (await one.request(-2)).is_dead
        assert ("dead address", half, 1) in await one.shop.alerts()
        new = (await one.request()).request
        one.chain.transfer(new, new.amount)
        await one.settle()
        assert await one.order() is PAID


async def test_what_is_deposited_and_swept_in_one_transaction_is_paid(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.sweep((await one.request()).request)
        await one.settle()
        assert await one.order() is PAID


async def test_what_is_swept_between_the_head_and_the_depth_is_paid(tmp_path: Path) -> None:
    async with watching(tmp_path, confirmations=3) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.poll()
        one.chain.sweep(request)
        await one.poll()
        assert await one.order() is UNPAID
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "paid")


# -- many


async def test_two_hundred_guests_race_for_a_hundred_pieces(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        await one.shop.shop.clerk.write(("replace", ("Inventory", CAP), 100 + 2))
        paid = []
        for order in range(100, 300):
            try:
                await write(one.shop.shop.clerk, buy(order, item(CAP)))
            except Exception:  # noqa: BLE001  (there is no stock left)
                break
            paid.append(order)
        assert len(paid) == 100
        for order in paid:
            request = (await one.request(order=order)).request
            one.chain.transfer(request, request.amount)
        await one.settle()
        assert {await one.order(order) for order in paid} == {PAID}
        head = await one.shop.head()
        assert head.records.reservations.of_stock(number(CAP), 0) in (0, 2)
        assert await one.told() == []
