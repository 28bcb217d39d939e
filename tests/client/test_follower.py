import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from minirelay.client import Checkpoint, Follower, RelayClient
from minirelay.client.errors import (
    ClientError,
    ConnectionLost,
    RelayRefused,
    UntrustedSigner,
    VerificationFailed,
)
from minirelay.client.patches import add_order, add_stock, add_tag, cancel_order, set_price
from minirelay.client.received import Position, ReceivedSet
from minirelay.errors import Code
from minirelay.protocol.envelope import SubscriptionCancelRequest, SubscriptionRequest
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.shop.order_states import OrderState
from tests.client.conftest import connected
from tests.client.logs import CLERK, GUEST, SHOP_ID, STRANGER, WALLET, Log, add_listing, new_shop
from tests.client.scripted_relay import ScriptedRelay, Session, within

FIRST = b"\0\1"


async def start(
    client: RelayClient,
    session: Session,
    sets: Sequence[SequencedPartialPatchSet] = (),
    checkpoint: Checkpoint | None = None,
) -> Follower:
    """Begin to follow; these sets are pushed."""
    following = asyncio.create_task(client.follow(checkpoint))
    await session.subscribe(FIRST, sets)
    return await within(following)


@asynccontextmanager
async def answering_cancels(session: Session) -> AsyncIterator[None]:
    """Answer the request that leaving a follower makes."""

    async def answer() -> None:
        request_id, _ = await session.expect(SubscriptionCancelRequest)
        await session.answer(request_id)

    answered = asyncio.create_task(answer())
    yield
    await within(answered)


def a_log() -> Log:
    log = new_shop()
    log.add(CLERK, add_listing(1) + add_stock(1, 5) + add_stock(1, 2) + add_tag("mugs", [1]))
    log.add(GUEST, add_order(7))
    return log


async def test_the_state_is_the_relays(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session, log.sets)
        await within(follower.caught_up())
        assert follower.seq == 5
        assert follower.position == Position(5)
        assert follower.is_complete
        assert follower.unpushed == 0
        assert follower.root_hash == log.state.root_hash
        async with answering_cancels(session):
            await follower.close()


async def test_its_objects_can_be_read(relay: ScriptedRelay) -> None:
    async with connected(relay) as (client, session):
        follower = await start(client, session, a_log().sets)
        await within(follower.wait_until(5))
        manifest, account, listing = follower.manifest(), follower.account(WALLET), follower.listing(1)
        tag, order = follower.tag("mugs"), follower.order(7)
        assert manifest is not None
        assert manifest.shop_id == SHOP_ID
        assert account is not None
        assert account.key_cards == [CLERK.public_key]
        assert listing is not None
        assert listing.price == 100
        assert tag is not None
        assert tag.listing_ids == [1]
        assert order is not None
        assert order.state is OrderState.OPEN
        assert follower.stock(1) == 7
        absent = (follower.listing(2), follower.order(1), follower.tag("cups"), follower.stock(2))
        assert absent == (None,) * 4
        assert follower.account(b"\x77" * 20) is None


async def test_orders_can_be_listed_by_how_far_they_are(relay: ScriptedRelay) -> None:
    log = a_log()
    log.add(GUEST, add_order(8) + cancel_order(8))
    log.add(GUEST, add_order(9) + cancel_order(9))
    async with connected(relay) as (client, session):
        follower = await start(client, session, log.sets)
        await within(follower.wait_until(7))

        def listed(*states: OrderState) -> dict[int, OrderState]:
            return {order_id: order.state for order_id, order in follower.orders(*states)}

        assert listed(OrderState.OPEN) == {7: OrderState.OPEN}
        assert listed(OrderState.CANCELED) == dict.fromkeys([8, 9], OrderState.CANCELED)
        assert listed(OrderState.UNPAID, OrderState.PAID) == {}
        assert listed() == listed(OrderState.OPEN) | listed(OrderState.CANCELED)


async def test_every_root_on_the_way_is_passed(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session)
        for seq in range(1, 6):
            reached = asyncio.create_task(follower.wait_for_root(log.states[seq].root_hash))
            await session.push(FIRST, log.set(seq))
            await within(reached)
            assert follower.seq == seq


async def test_a_root_that_was_passed_just_now_is_not_waited_for(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session, log.sets)
        await within(follower.wait_until(5))
        for state in log.states[1:]:
            await within(follower.wait_for_root(state.root_hash))
        assert follower.seq == 5


async def test_a_root_that_was_never_reached_is_waited_for(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session, log.sets)
        await within(follower.wait_until(5))
        with pytest.raises(TimeoutError):
            await within(follower.wait_for_root(bytes(32)), 0.05)


async def test_a_long_backlog_is_followed_to_its_end(relay: ScriptedRelay) -> None:
    log = a_log()
    for price in range(40):
        log.add(CLERK, set_price(1, price) * 50)
    async with connected(relay) as (client, session):
        follower = await start(client, session, log.sets)
        await within(follower.caught_up())
        assert follower.root_hash == log.state.root_hash
        for state in log.states[-15:]:
            await within(follower.wait_for_root(state.root_hash))


async def test_many_wait_for_different_things(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session)
        waiting = [
            asyncio.create_task(follower.wait_until(4)),
            asyncio.create_task(follower.wait_for(lambda one: one.order(7) is not None)),
            asyncio.create_task(follower.wait_for(lambda one: one.stock(1) == 7)),
        ]
        waiting[2].cancel()
        never = asyncio.create_task(follower.wait_until(6))
        for pushed in log.sets:
            await session.push(FIRST, pushed)
        await within(asyncio.gather(*waiting[:2]))
        assert not never.done()
        await client.close()
        with pytest.raises(ConnectionLost):
            await within(never)


async def test_a_condition_that_fails_fails_for_who_set_it(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session)
        asked = 0

        def broken(_: Follower) -> bool:
            nonlocal asked
            asked += 1
            return 1 // (2 - asked) == 7

        waiting = asyncio.create_task(follower.wait_for(broken))
        await asyncio.sleep(0)
        for pushed in log.sets:
            await session.push(FIRST, pushed)
        with pytest.raises(ZeroDivisionError):
            await within(waiting)
        await within(follower.wait_until(5))


async def test_a_set_in_parts_has_a_root_when_it_is_all_there(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session, log.sets[:3])
        await within(follower.wait_until(3))
        whole = asyncio.create_task(follower.wait_until(4))
        await session.push(FIRST, log.set(4, (0, 1)))
        await within(follower.wait_for(lambda one: one.stock(1) == 5))
        assert not whole.done()
        assert follower.root_hash is None
        assert follower.position == Position(4, 1)
        await session.push(FIRST, log.set(4, (2, 3)))
        await within(whole)
        assert follower.root_hash == log.states[4].root_hash


async def test_it_goes_on_after_a_lost_connection(relay: ScriptedRelay) -> None:
    log = a_log()
    async with connected(relay) as (client, session):
        follower = await start(client, session, [*log.sets[:3], log.set(4, (0, 1))])
        await within(follower.wait_for(lambda one: one.stock(1) == 5))
        await session.drop()
        session = await relay.accept()
        await session.authenticate()
        request = await session.subscribe(FIRST, log.sets)
        assert request.start_shop_seq_no == 3
        await within(follower.wait_until(5))
        assert follower.root_hash == log.state.root_hash


class TestPartialViews:
    async def test_a_guest_has_a_state_but_no_root(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay, key_card=GUEST) as (client, session):
            visible = [*log.sets[:3], log.set(4, (0, 3)), log.set(5)]
            follower = await start(client, session, visible)
            await within(follower.wait_until(5))
            assert follower.order(7) is not None
            assert follower.tag("mugs") is not None
            assert follower.stock(1) is None
            assert follower.root_hash is None
            assert not follower.is_complete

    async def test_a_visitor_reaches_a_set_whose_end_it_does_not_see(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay, key_card=None) as (client, session):
            follower = await start(client, session, [*log.sets[:3], log.set(4, (0,))])
            await within(follower.wait_until(4))
            assert follower.listing(1) is not None
            assert follower.root_hash is None

    async def test_as_long_as_nothing_is_withheld_a_root_is_a_root(self, relay: ScriptedRelay) -> None:
        log = new_shop()
        async with connected(relay, key_card=None) as (client, session):
            follower = await start(client, session, log.sets)
            await within(follower.wait_until(3))
            assert follower.root_hash == log.state.root_hash


class TestFailing:
    async def test_everybody_hears_why(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            follower = await start(client, session, log.sets)
            await within(follower.wait_until(5))
            waiting = asyncio.create_task(follower.wait_until(9))
            running = asyncio.create_task(follower.run())
            await asyncio.sleep(0)
            await session.push(FIRST, log.add_inapplicable(STRANGER, add_listing(3)))
            for task in (waiting, running):
                with pytest.raises(UntrustedSigner):
                    await within(task)
            assert isinstance(follower.failure, UntrustedSigner)
            with pytest.raises(UntrustedSigner):
                await follower.wait_until(1)
            assert follower.seq == 5
            assert follower.root_hash == log.state.root_hash

    async def test_what_breaks_the_rules_ends_it_and_the_state_stays(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            follower = await start(client, session, log.sets)
            bad = log.add_inapplicable(CLERK, set_price(1, 5) + set_price(99, 5))
            await session.push(FIRST, bad)
            with pytest.raises(VerificationFailed, match="breaks the rules"):
                await within(follower.run())
            assert follower.seq == 5
            assert follower.root_hash == log.state.root_hash
            assert follower.checkpoint().position == Position(5)

    async def test_leaving_the_block_raises_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            follower = await start(client, session, log.sets)
            await session.push(FIRST, log.add_inapplicable(STRANGER, add_listing(3)))

            async def block() -> None:
                async with follower:
                    with suppress(UntrustedSigner):
                        await follower.run()

            with pytest.raises(UntrustedSigner):
                await within(block())

    async def test_leaving_the_block_with_another_error_raises_that(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            follower = await start(client, session, log.sets)
            await session.push(FIRST, log.add_inapplicable(STRANGER, add_listing(3)))

            async def block() -> None:
                async with follower:
                    with suppress(UntrustedSigner):
                        await follower.run()
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await within(block())

    async def test_catching_up_ends_with_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        log.add_inapplicable(STRANGER, add_listing(3))
        log.add_inapplicable(STRANGER, add_listing(4))
        async with connected(relay) as (client, session):
            follower = await start(client, session, log.sets)
            with pytest.raises(UntrustedSigner):
                await within(follower.caught_up())

    async def test_a_refused_subscription_is_raised_by_follow(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            following = asyncio.create_task(client.follow())
            await session.refuse((await session.expect(SubscriptionRequest))[0], Code.NOT_FOUND)
            with pytest.raises(RelayRefused):
                await within(following)

    async def test_a_closed_follower_waits_for_nothing(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            follower = await start(client, session, a_log().sets)
            await within(follower.wait_until(5))
            async with answering_cancels(session):
                await follower.close()
            await within(follower.run())
            with pytest.raises(ClientError, match="closed"):
                await follower.wait_until(9)
            with pytest.raises(ClientError, match="closed"):
                await follower.caught_up()


class TestCheckpoints:
    @pytest.mark.parametrize("seq", [1, 3, 4])
    async def test_another_follower_goes_on_from_one(self, relay: ScriptedRelay, seq: int) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            follower = await start(client, session, log.sets[:seq])
            await within(follower.wait_until(seq))
            kept = follower.checkpoint().to_bytes()
        async with connected(relay) as (client, session):
            following = asyncio.create_task(client.follow(Checkpoint.from_bytes(kept)))
            request = await session.subscribe(FIRST, log.sets)
            assert request.start_shop_seq_no == seq
            follower = await within(following)
            await within(follower.wait_until(5))
            assert follower.root_hash == log.state.root_hash

    async def test_one_in_the_middle_of_a_set_is_gone_on_from(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            follower = await start(client, session, [*log.sets[:3], log.set(4, (0, 1))])
            await within(follower.wait_for(lambda one: one.stock(1) == 5))
            kept = follower.checkpoint().to_bytes()
        async with connected(relay) as (client, session):
            following = asyncio.create_task(client.follow(Checkpoint.from_bytes(kept)))
            request = await session.subscribe(FIRST, log.sets)
            assert request.start_shop_seq_no == 3
            follower = await within(following)
            assert follower.root_hash is None
            await within(follower.wait_until(5))
            assert follower.root_hash == log.state.root_hash

    async def test_what_was_incomplete_stays_so(self, relay: ScriptedRelay) -> None:
        log = a_log()
        kept = Checkpoint(SHOP_ID, Position(3), False, log.states[3])
        async with connected(relay, key_card=GUEST) as (client, session):
            follower = await start(client, session, log.sets, kept)
            await within(follower.wait_until(5))
            assert follower.root_hash is None

    async def test_one_of_another_shop_is_refused(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, _):
            with pytest.raises(ClientError, match="another shop"):
                await client.follow(Checkpoint(SHOP_ID + 1))


class TestTelling:
    async def test_every_set_is_told_when_it_is_applied(self, relay: ScriptedRelay) -> None:
        log = a_log()
        told: list[tuple[int, tuple[int, ...], bytes | None]] = []
        async with connected(relay) as (client, session):
            following = asyncio.create_task(
                client.follow(
                    on_applied=lambda follower, received: told.append(
                        (received.seq, received.leaves, follower.root_hash)
                    )
                )
            )
            await session.subscribe(
                FIRST, [*log.sets[:3], log.set(4, (0,)), log.set(4, (1, 2, 3)), log.set(5)]
            )
            await within((await within(following)).wait_until(5))
        roots = [state.root_hash for state in log.states]
        assert told == [
            (1, (0, 1), roots[1]),
            (2, (0,), roots[2]),
            (3, (0,), roots[3]),
            (4, (0,), None),
            (4, (1, 2, 3), roots[4]),
            (5, (0,), roots[5]),
        ]

    async def test_what_fails_there_ends_the_following(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):

            def fail(_follower: Follower, received: ReceivedSet) -> None:
                if received.seq == 2:
                    raise ZeroDivisionError

            following = asyncio.create_task(client.follow(on_applied=fail))
            await session.subscribe(FIRST, a_log().sets)
            follower = await within(following)
            with pytest.raises(ZeroDivisionError):
                await within(follower.run())
            assert follower.seq == 2
