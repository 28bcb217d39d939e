"""What money causes, on a real relay with a real database: once, whole, and on the order as it is then."""

from pathlib import Path

import pytest

from minirelay.errors import StoreError
from minirelay.payments.evidence import PaidIn
from minirelay.payments.settlement import UNPROVEN_DAYS_S
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.objects import ObjectType
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.order_states import OrderState
from minirelay.shop.reservations import Hold
from minirelay.shop.state import inventory_key
from tests.payments.settling import BLOCK, TRANSACTION, Settling, event, settling, settling_again
from tests.relay.house import SHOP
from tests.relay.selling import CAP, STOCK, write
from tests.relay.test_audit import audited
from tests.shop.checkouts import address, buy, cancel, choose, item
from tests.shop.patching import NATIVE, OTHER_PAYEE, number, patch, value_of

LATER = BlockId(12, b"\x0c" * 32)


async def state_of(shop: Settling, order: int = 5) -> OrderState:
    return OrderState((await shop.order(order))["State"])


async def stock(shop: Settling) -> int:
    found: int = value_of((await shop.head()).state, ObjectType.INVENTORY, inventory_key(CAP))
    return found


async def test_an_order_is_paid_in_one_set_and_what_was_observed_is_stored_with_it(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        before = await shop.house.durable_seq()
        await shop.pay(await shop.request())
        assert await shop.house.durable_seq() == before + 1
        order = await shop.order()
        assert order["State"] == OrderState.PAID
        assert order["TxDetails"] == {"BlockHash": BLOCK.hash, "TxHash": TRANSACTION}
        paid = await shop.request()
        assert (paid.state, paid.received) == (RequestState.PAID, paid.request.amount)
        ((kind, is_deep),) = await shop.rows("SELECT kind, is_deep FROM payment_transfer")
        assert (kind, is_deep) == ("event", 1)
        assert await shop.alerts() == []
    await audited(tmp_path)


async def test_paid_again_it_stays_paid_and_the_stock_moves_once(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        before = await shop.house.durable_seq()
        for _ in range(5):
            await shop.pay(await shop.request())
        assert await shop.house.durable_seq() == before + 1
        assert (await shop.request()).state is RequestState.PAID
        assert await stock(shop) == STOCK - 2


async def test_found_again_after_a_restart_it_changes_nothing(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await shop.pay(await shop.request())
    async with settling_again(tmp_path) as again:
        before = await again.house.durable_seq()
        await again.pay(await again.request())
        assert await again.house.durable_seq() == before
        assert (await again.request()).state is RequestState.PAID


async def test_a_failed_commit_leaves_the_order_unpaid_and_it_is_paid_once_in_the_end(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        before = await shop.house.durable_seq()
        many = [event(request, index) for index in range(2000)]
        async with shop.house.disk_full():
            with pytest.raises(StoreError):
                await shop.pay(request, transfers=tuple(many))
        assert await state_of(shop) is OrderState.UNPAID
        assert await shop.house.durable_seq() == before
        await shop.pay(request)
        assert await state_of(shop) is OrderState.PAID
    await audited(tmp_path)


async def test_a_shop_that_left_memory_is_read_again_to_be_paid(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        hosted = await shop.house.relay.shops.find(SHOP)
        assert hosted is not None
        hosted.sequencer.unload()
        await shop.pay(request)
        assert await state_of(shop) is OrderState.PAID


async def test_the_earlier_request_settles_and_the_later_one_is_a_duplicate(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.guest, choose(5, NATIVE))
        first, second = await shop.request(which=0), await shop.request(which=1)
        await shop.pay(first)
        assert await state_of(shop) is OrderState.PAID
        await shop.pay(second)
        assert (await shop.request(which=1)).state is RequestState.DUPLICATE
        assert await shop.alerts() == [("duplicate", second.request.amount, 0)]


async def test_more_than_the_total_is_told_urgently_for_a_token(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.pay(request, request.request.amount + 1)
        assert (await shop.request()).state is RequestState.OVER
        assert await shop.alerts() == [("over", request.request.amount + 1, 1)]
        assert await state_of(shop) is OrderState.PAID


async def test_a_tolerance_lets_a_little_be_missing(tmp_path: Path) -> None:
    async with settling(tmp_path, tolerance=1) as shop:
        request = await shop.request()
        await shop.pay(request, request.request.amount - request.request.amount // 1000 - 1)
        assert await state_of(shop) is OrderState.UNPAID
        await shop.pay(request, request.request.amount - request.request.amount // 1000)
        assert await state_of(shop) is OrderState.PAID


async def test_money_for_a_canceled_order_is_late_and_takes_no_stock(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await write(shop.guest, cancel(5))
        await shop.pay(request)
        assert (await shop.request()).state is RequestState.LATE
        assert await state_of(shop) is OrderState.CANCELED
        assert await shop.alerts() == [("late", request.request.amount, 0)]


async def test_money_for_another_region_does_not_settle(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await write(shop.guest, [address(5, "replace", Country="NZ")])
        await shop.pay(request)
        assert await state_of(shop) is OrderState.UNPAID
        assert (await shop.request(which=0)).state is RequestState.SUPERSEDED
        assert ("superseded", request.request.amount, 0) in await shop.alerts()
        await shop.pay(await shop.request())
        assert await state_of(shop) is OrderState.PAID


async def test_a_corrected_name_leaves_the_request_as_it_is(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await write(shop.guest, [address(5, "replace", Name="Ada L.")])
        await shop.pay(request)
        assert await state_of(shop) is OrderState.PAID


async def test_a_withdrawn_request_does_not_settle_but_one_that_was_seen_does(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.guest, choose(5, to=OTHER_PAYEE))
        first, second = await shop.request(which=0), await shop.request(which=1)
        await shop.find(first, in_time=first.request.amount)
        payees = {1337: {OTHER_PAYEE: {"CallAsContract": False}}}
        await write(shop.shop.clerk, [patch("replace", "Manifest", "Payees", value=payees)])
        assert (await shop.request(which=0)).state is RequestState.SEEN
        none: dict[int, object] = {1337: {}}
        await write(shop.shop.clerk, [patch("replace", "Manifest", "Payees", value=none)])
        await shop.pay(second)
        assert (await shop.request(which=1)).state is RequestState.WITHDRAWN
        assert await state_of(shop) is OrderState.UNPAID
        await shop.pay(first)
        assert await state_of(shop) is OrderState.PAID


# -- stock


async def test_money_that_is_seen_holds_the_stock_and_lets_go_when_it_vanishes(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()

        async def hold() -> Hold:
            row = (await shop.head()).records.reservations.row(number(5))
            return Hold.NONE if row is None else row.hold

        await shop.find(request, in_time=request.request.amount)
        assert await hold() is Hold.SEEN
        await shop.find(request, in_time=request.request.amount // 2)
        assert await hold() is Hold.SHORT
        await shop.find(request, in_time=request.request.amount // 2 - 1)
        assert await hold() is Hold.NONE
        await shop.find(request)
        assert (await shop.request()).state is RequestState.WAITING


async def test_one_wei_holds_no_stock_and_tells_nobody(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await shop.find(await shop.request(), in_time=1)
        row = (await shop.head()).records.reservations.row(number(5))
        assert row is not None
        assert row.hold is Hold.NONE
        assert await shop.alerts() == []
        assert (await shop.request()).state is RequestState.SHORT


async def test_a_clerk_who_takes_the_stock_of_an_unpaid_order_is_told(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.shop.clerk, [patch("replace", "Inventory", CAP, value=1)])
        await shop.pay(await shop.request())
        assert await state_of(shop) is OrderState.PAID
        assert await shop.alerts() == [("stock missing", 1, 0)]


async def test_stock_moves_once_for_an_event_and_a_balance_of_one_payment(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.pay(request, paid_in=PaidIn(BLOCK), transfers=())
        await shop.pay(await shop.request())
        assert await stock(shop) == STOCK - 2


# -- expiry


async def test_an_order_is_canceled_when_the_time_of_its_last_request_is_over(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.guest, choose(5, NATIVE))
        first, second = await shop.request(which=0), await shop.request(which=1)
        shop.let_final_pass(second)
        await shop.find(first, is_over=True)
        assert await state_of(shop) is OrderState.UNPAID
        await shop.find(second, is_over=True)
        order = await shop.order()
        assert order["State"] == OrderState.CANCELED
        assert "CanceledAt" in order
        assert await shop.alerts() == []
    await audited(tmp_path)


async def test_a_half_canceled_order_gets_its_state_only(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await write(shop.guest, cancel(5)[:1])
        at = (await shop.order())["CanceledAt"]
        shop.let_final_pass(request)
        await shop.find(request, is_over=True)
        order = await shop.order()
        assert (order["State"], order["CanceledAt"]) == (OrderState.CANCELED, at)


async def test_a_half_canceled_order_can_be_paid(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.guest, cancel(5)[:1])
        await shop.pay(await shop.request())
        assert await state_of(shop) is OrderState.PAID


async def test_a_superseded_request_does_not_keep_its_order_open(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.guest, [address(5, "replace", Country="NZ")])
        first, second = await shop.request(which=0), await shop.request(which=1)
        shop.let_final_pass(second, later=0)
        shop.final_times[1337] = max(first.request.ttl, second.request.ttl) + 1
        await shop.find(second, is_over=True)
        assert await state_of(shop) is OrderState.CANCELED


async def test_money_that_proves_nothing_keeps_the_order_for_seven_days_more(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.find(request, has_unproven=True)
        assert await shop.alerts() == [("unproven", 0, 0)]
        shop.let_final_pass(request, later=UNPROVEN_DAYS_S)
        await shop.find(request, is_over=True)
        assert await state_of(shop) is OrderState.UNPAID
        shop.let_final_pass(request, later=UNPROVEN_DAYS_S + 1)
        await shop.find(request, is_over=True)
        assert await state_of(shop) is OrderState.CANCELED
        assert (await shop.request()).state is RequestState.UNPROVEN


async def test_an_unproven_payment_settles_when_it_is_proven(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.find(request, has_unproven=True)
        await shop.pay(request)
        assert await state_of(shop) is OrderState.PAID


async def test_an_order_that_costs_nothing_is_paid_in_the_first_block_that_is_known(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.shop.clerk, [patch("replace", "Listings", CAP, "Price", value=0)])
        await write(shop.guest, buy(6, item(CAP)))
        request = await shop.request(6)
        assert request.request.amount == 0
        assert await shop.find(request) is None
        await shop.find(request, paid_in=PaidIn(LATER))
        order = await shop.order(6)
        assert (order["State"], order["TxDetails"]) == (OrderState.PAID, {"BlockHash": LATER.hash})


# -- a dead address


async def test_a_dead_address_is_replaced_at_once_and_never_handed_out_again(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.find(request, is_emptied=True, in_time=request.request.amount // 2)
        old, new = await shop.request(which=0), await shop.request(which=1)
        assert (old.state, old.is_dead) == (RequestState.SHORT, True)
        details = (await shop.order())["PaymentDetails"]
        assert details["PaymentID"] == new.id != old.id
        assert await shop.alerts() == [("dead address", request.request.amount // 2, 1)]
        await shop.find(old, is_emptied=True, in_time=request.request.amount // 2)
        assert len(await shop.rows("SELECT 1 FROM payment_request")) == 2
        await write(shop.guest, choose(5))
        assert (await shop.order())["PaymentDetails"]["PaymentID"] == new.id
        await shop.pay(new)
        assert await state_of(shop) is OrderState.PAID
    await audited(tmp_path)


async def test_a_dead_address_is_told_of_when_nothing_can_be_chosen_any_more(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await write(shop.shop.clerk, [patch("replace", "Inventory", CAP, value=0)])
        await write(shop.shop.clerk, [patch("replace", "Listings", CAP, "ViewState", value=2)])
        await shop.find(request, is_emptied=True)
        assert (await shop.request()).is_dead
        assert await shop.alerts() == [("dead address", 0, 1)]


# -- reorganisations behind what was deep


async def test_what_vanishes_is_reverted_and_recorded_anew_when_it_comes_back(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.pay(request)
        paid = await shop.request()
        await shop.find(paid, is_gone=True)
        assert (await shop.request()).state is RequestState.REVERTED
        assert await state_of(shop) is OrderState.PAID
        assert [kind for kind, _, _ in await shop.alerts()] == ["reverted"]
        back = PaidIn(LATER, TRANSACTION)
        await shop.find(await shop.request(), settled=request.request.amount, paid_in=back)
        assert (await shop.request()).state is RequestState.PAID
        assert (await shop.order())["TxDetails"] == {"BlockHash": LATER.hash, "TxHash": TRANSACTION}
    await audited(tmp_path)


async def test_what_moves_to_another_block_is_recorded_anew(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await shop.pay(await shop.request())
        paid = await shop.request()
        total = paid.request.amount
        moved = {"is_moved": True, "in_time": total, "settled": total}
        await shop.find(paid, paid_in=PaidIn(LATER, TRANSACTION), **moved)
        assert (await shop.order())["TxDetails"]["BlockHash"] == LATER.hash
        before = await shop.house.durable_seq()
        await shop.find(paid, paid_in=PaidIn(LATER, TRANSACTION), **moved)
        assert await shop.house.durable_seq() == before


# -- dust


async def test_a_thousand_small_payments_hide_nothing_and_are_told_as_a_number(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.shop.clerk, [patch("replace", "Inventory", CAP, value=1000)])
        requests = []
        for order in range(100, 140):
            await write(shop.shop.clerk if order % 2 else shop.guest, buy(order, item(CAP)))
            requests.append(await shop.request(order))
        for one in requests:
            await shop.find(one, in_time=one.request.amount // 2)
        told = await shop.rows("SELECT request_ids <> x'', count(*), sum(count) FROM alert GROUP BY 1")
        # Five of the guest's and fifteen of others are told of, and one stands for the rest.
        assert told == [(0, 1, 20), (1, 20, 20)]
