"""What the operator decides about payments: the order, the request and the decision's row, all or nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from minirelay.errors import Refusal, invalid
from minirelay.payments.decisions import acceptance, dismissal, may_be_accepted, may_be_dismissed
from minirelay.protocol.block_id import BlockId
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.relay.relay import Relay
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.issued_requests import DAY_S, IssuedRequest, RequestState
from minirelay.shop.order_states import OrderState
from minirelay.shop.work import Work
from minirelay.store.payment_decisions import Decision, PaymentDecision
from tests.payments.settling import Settling, settling
from tests.payments.watching import Watching, watching
from tests.relay.selling import STOCK, write
from tests.relay.test_audit import audited
from tests.shop.checkouts import cancel

BLOCK = BlockId(9, b"\x09" * 32)


def made(request: IssuedRequest, decision: Decision) -> PaymentDecision:
    return PaymentDecision(
        request_id=request.id, decision=decision, decided_by="ann", reason="cash", decided_at=1_800_000_000
    )


async def accept(shop: Settling, request: IssuedRequest, block: BlockId | None = BLOCK) -> None:
    decide = acceptance(request, block, made(request, Decision.ACCEPT), shop.terms)
    await shop.house.relay.write_own(request.request.shop_id, decide)


async def dismiss(shop: Settling, request: IssuedRequest) -> None:
    decide = dismissal(request, made(request, Decision.DISMISS), shop.terms)
    await shop.house.relay.write_own(request.request.shop_id, decide)


async def decisions(shop: Settling) -> list[PaymentDecision]:
    return await shop.house.store.reader.payment_decisions([(await shop.request()).id])


async def accept_watched(one: Watching) -> None:
    request = await one.request()
    await one.watch.decide_by_hand(
        request.request.shop_id,
        request,
        lambda now, block: acceptance(now, block, made(now, Decision.ACCEPT), one.shop.terms),
    )


async def dismiss_watched(one: Watching) -> None:
    request = await one.request()
    await one.watch.decide_by_hand(
        request.request.shop_id,
        request,
        lambda now, _: dismissal(now, made(now, Decision.DISMISS), one.shop.terms),
    )


async def test_an_accepted_order_is_paid_in_the_block_that_is_named(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await accept(shop, await shop.request())
        order = await shop.order()
        assert order["State"] == OrderState.PAID
        assert order["TxDetails"] == {"BlockHash": BLOCK.hash}
        request = await shop.request()
        assert (request.state, request.is_watched) == (RequestState.PAID, False)
        assert await decisions(shop) == [made(request, Decision.ACCEPT)]
    await audited(tmp_path)


async def test_a_canceled_order_stays_so_and_takes_no_stock(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        await write(one.shop.guest, cancel(5))
        await one.poll()
        await accept_watched(one)
        assert (await one.order(), await one.state()) == (OrderState.CANCELED, "paid")
        assert await one.stock() == STOCK
        assert len(await decisions(one.shop)) == 1


async def test_what_is_paid_is_not_accepted_again(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.pay(request)
        for again in (accept, dismiss):
            with pytest.raises(Refusal, match="paid already"):
                await again(shop, await shop.request())
        assert await decisions(shop) == []


def only_judged(decide: Decide) -> Decide:
    def judge(head: ShopHead, facts: Facts, work: Work) -> OwnSets:
        decide(head, facts, work)
        raise invalid("judged, and not written")

    return judge


@pytest.mark.parametrize("state", list(RequestState))
async def test_what_is_offered_by_the_state_is_what_is_not_refused_for_it(
    tmp_path: Path, state: RequestState
) -> None:
    """Only a duplicate is refused for its order, which another request has paid: here none has."""
    async with settling(tmp_path) as shop:
        # Another id, so that what is stored of the order's own request is not taken for it.
        request = msgspec.structs.replace(await shop.request(), id=b"\x77" * 32, state=state)
        can_accept = may_be_accepted(state) or state is RequestState.DUPLICATE
        for decide, is_offered in (
            (acceptance(request, BLOCK, made(request, Decision.ACCEPT), shop.terms), can_accept),
            (dismissal(request, made(request, Decision.DISMISS), shop.terms), may_be_dismissed(state)),
        ):
            with pytest.raises(Refusal) as refused:
                await shop.house.relay.write_own(request.request.shop_id, only_judged(decide))
            assert (refused.value.message == "judged, and not written") is is_offered


async def test_an_order_is_not_paid_twice_by_two_requests(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        first = await shop.request()
        await shop.find(first, is_emptied=True)
        second = await shop.request()
        assert first.id != second.id
        await shop.pay(second)
        with pytest.raises(Refusal, match="by another request"):
            await accept(shop, await shop.request(which=0))


async def test_without_a_block_nothing_is_accepted(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        with pytest.raises(Refusal, match="has not been read yet"):
            await accept(shop, await shop.request(), None)
        assert (await shop.order())["State"] == OrderState.UNPAID
        assert await decisions(shop) == []


async def test_stock_moves_once_for_an_accepted_order_and_money_that_comes_later(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        await accept_watched(one)
        assert (await one.order(), await one.stock()) == (OrderState.PAID, STOCK - 2)
        one.chain.transfer(request, request.amount)
        await one.settle()
        assert (await one.state(), await one.stock()) == ("paid", STOCK - 2)
        assert await one.told() == []


async def test_the_block_is_the_newest_deep_one(tmp_path: Path) -> None:
    async with watching(tmp_path, confirmations=3) as one:
        await one.poll()
        deep = one.watch.newest_deep
        assert deep is not None
        await accept_watched(one)
        assert (await one.shop.order())["TxDetails"] == {"BlockHash": deep.hash}


async def test_nothing_is_told_of_what_is_dismissed(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        await dismiss_watched(one)
        one.chain.transfer(request, request.amount)
        one.chain.event(request)
        await one.settle()
        assert (await one.order(), await one.state()) == (OrderState.UNPAID, "dismissed")
        assert await one.told() == []
        assert one.watch.balances(one.chain.time) == []
        with pytest.raises(Refusal, match="dismissed already"):
            await dismiss_watched(one)


@pytest.mark.parametrize("decide", [accept_watched, dismiss_watched])
async def test_what_a_person_has_decided_is_told_of_no_more(
    tmp_path: Path, decide: Callable[[Watching], Awaitable[object]]
) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount - 1)
        await one.settle()
        assert await one.open_alerts() == ["short"]
        await decide(one)
        assert await one.open_alerts() == []


async def test_an_order_whose_request_is_dismissed_is_canceled_in_time(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        ttl = (await one.request()).request.ttl
        await dismiss_watched(one)
        one.chain.pass_time(DAY_S + 60)
        await one.settle()
        assert one.chain.time > ttl
        assert (await one.order(), await one.state()) == (OrderState.CANCELED, "dismissed")


async def test_a_poll_and_the_operator_do_not_decide_at_the_same_time(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        one.chain.mine()
        polled, decided = await asyncio.gather(one.settle(), accept_watched(one), return_exceptions=True)
        assert polled is None
        assert decided is None or isinstance(decided, Refusal)
        assert (await one.order(), await one.state()) == (OrderState.PAID, "paid")
        assert await one.stock() == STOCK - 2


async def test_what_its_order_was_paid_by_is_accepted_when_it_vanishes_and_not_dismissed(
    tmp_path: Path,
) -> None:
    async with settling(tmp_path) as shop:
        request = await shop.request()
        await shop.pay(request)
        await shop.find(await shop.request(), is_gone=True)
        assert (await shop.request()).state is RequestState.REVERTED
        with pytest.raises(Refusal, match="can only be accepted"):
            await dismiss(shop, await shop.request())
        await accept(shop, await shop.request())
        assert (await shop.request()).state is RequestState.PAID
        assert (await shop.order())["TxDetails"]["TxHash"] is not None
    await audited(tmp_path)


class Gate:
    """Holds the relay's own writes back until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.waiting = 0
        write_own = Relay.write_own

        async def gated(relay: Relay, shop_id: int, decide: Decide) -> OwnSets | None:
            self.waiting += 1
            await self.is_open.wait()
            self.waiting -= 1
            return await write_own(relay, shop_id, decide)

        monkeypatch.setattr(Relay, "write_own", gated)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_operator_waits_for_what_a_poll_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        await write(one.shop.guest, cancel(5))
        await one.poll()
        one.chain.transfer(request, request.amount)
        await one.settle()
        assert await one.state() == "late"
        one.chain.transfer(request, 7)
        one.chain.mine()
        gate.is_open.clear()
        polled = asyncio.create_task(one.poll())
        while not gate.waiting:
            await turns(1)
        accepted = asyncio.create_task(accept_watched(one))
        await asyncio.sleep(0.05)
        assert gate.waiting == 1
        gate.is_open.set()
        await asyncio.gather(polled, accepted)
        stored = await one.request()
        # What came is not forgotten by what was decided on the request as it was before.
        assert (stored.state, stored.received) == (RequestState.PAID, request.amount + 7)


async def test_a_poll_waits_for_what_the_operator_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        await write(one.shop.guest, cancel(5))
        await one.poll()
        prove, accepting = one.chain.target.prove, list[asyncio.Task[None]]()

        async def prove_slowly(*given: Any) -> Any:
            gate.is_open.clear()
            accepting.append(asyncio.create_task(accept_watched(one)))
            while not gate.waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            asyncio.get_running_loop().call_later(0.1, gate.is_open.set)
            return await prove(*given)

        monkeypatch.setattr(one.chain.target, "prove", prove_slowly)
        one.chain.event(request)
        await one.settle()
        await asyncio.gather(*accepting)
        assert len(accepting) == 1
        assert await one.state() == "paid"
