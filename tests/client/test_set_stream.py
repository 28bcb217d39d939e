import asyncio
from collections.abc import Sequence

import pytest

from minirelay.client import RelayClient
from minirelay.client.errors import (
    ConnectionLost,
    LogRestored,
    RelayMisbehaved,
    RelayRefused,
    VerificationFailed,
)
from minirelay.client.patches import add_order, add_stock
from minirelay.client.received import BEGINNING, Position
from minirelay.client.set_stream import SetStream, StreamOptions
from minirelay.errors import Code
from minirelay.protocol.envelope import (
    Failure,
    SubscriptionCancelRequest,
    SubscriptionRequest,
    Success,
)
from minirelay.protocol.gaps import RESTORED, number_after_restore
from minirelay.protocol.push import SequencedPartialPatchSet
from tests.client.conftest import connected
from tests.client.logs import CLERK, SHOP_ID, Log, add_listing, changed, new_shop
from tests.client.scripted_relay import ScriptedRelay, Session, within

AFTER_RESTORE = number_after_restore(6, 1_800_000_000)
FIRST, SECOND = b"\0\1", b"\0\2"
Seen = tuple[int, tuple[bytes, ...]]


def stream_of(
    client: RelayClient,
    start: Position = BEGINNING,
    *,
    resume: bool = True,
    shop_id: int = SHOP_ID,
    buffer_bytes: int = 10**7,
) -> SetStream:
    return SetStream(client.link, StreamOptions(shop_id, (), resume, buffer_bytes), start)


async def take(stream: SetStream, count: int = 1) -> list[Seen]:
    """Take so many sets."""
    seen = []
    for _ in range(count):
        pushed = await within(stream.peek())
        assert pushed is not None
        stream.take()
        seen.append((pushed.seq, pushed.patches))
    return seen


def whole(*sets: SequencedPartialPatchSet) -> list[Seen]:
    return [(pushed.seq, pushed.patches) for pushed in sets]


def long_log(count: int = 6) -> Log:
    """A log whose sets from 4 on have three patches each."""
    log = new_shop()
    for first in range(1, 3 * (count - 3), 3):
        log.add(CLERK, [one for number in range(first, first + 3) for one in add_listing(number)])
    return log


async def resubscribed(
    relay: ScriptedRelay, sets: Sequence[SequencedPartialPatchSet]
) -> tuple[Session, SubscriptionRequest]:
    """Let the client come back; push it what it asks for."""
    session = await relay.accept()
    await session.authenticate()
    return session, await session.subscribe(FIRST, sets)


async def test_the_first_look_subscribes(relay: ScriptedRelay) -> None:
    log = long_log()
    async with connected(relay) as (client, session):
        stream = stream_of(client, Position(2))
        taking = asyncio.create_task(take(stream, 4))
        request = await session.subscribe(FIRST, log.sets)
        assert int.from_bytes(request.shop_id) == SHOP_ID
        assert request.start_shop_seq_no == 2
        assert await within(taking) == whole(*log.sets[2:])
        assert stream.position == Position(6, 2)


async def test_a_refused_subscription_is_raised(relay: ScriptedRelay) -> None:
    async with connected(relay) as (client, session):
        opening = asyncio.create_task(stream_of(client).open())
        request_id, _ = await session.expect(SubscriptionRequest)
        await session.refuse(request_id, Code.NOT_FOUND, "no such shop")
        with pytest.raises(RelayRefused, match="no such shop"):
            await within(opening)


class TestResuming:
    async def test_without_a_gap_or_a_repeat(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 5))
            await session.subscribe(FIRST, log.sets[:5])
            assert await within(taking) == whole(*log.sets[:5])
            await session.drop()
            taking = asyncio.create_task(take(stream))
            _, request = await resubscribed(relay, log.sets)
            # From the number before the last: that set may have been cut in two.
            assert request.start_shop_seq_no == 4
            assert await within(taking) == whole(log.sets[5])

    @pytest.mark.parametrize("known", [(0,), (0, 1), (0, 1, 2)])
    async def test_in_the_middle_of_a_set(self, relay: ScriptedRelay, known: tuple[int, ...]) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 5))
            await session.subscribe(FIRST, [*log.sets[:4], log.set(5, known)])
            await within(taking)
            await session.drop()
            rest = [leaf for leaf in (0, 1, 2) if leaf not in known]
            taking = asyncio.create_task(take(stream, 2 if rest else 1))
            _, request = await resubscribed(relay, log.sets)
            assert request.start_shop_seq_no == 4
            expected = whole(log.sets[5])
            if rest:
                expected = whole(log.set(5, rest), log.sets[5])
            assert await within(taking) == expected

    async def test_when_the_set_is_cut_elsewhere_the_second_time(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 5))
            await session.subscribe(FIRST, [*log.sets[:4], log.set(5, (0, 1))])
            await within(taking)
            await session.drop()
            taking = asyncio.create_task(take(stream, 2))
            await resubscribed(relay, [log.set(5, (0,)), log.set(5, (1, 2)), log.set(6)])
            assert await within(taking) == whole(log.set(5, (2,)), log.set(6))

    async def test_what_had_arrived_is_not_lost(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST, log.sets[:5])
            await within(opening)
            await within(stream.peek())
            await session.drop()
            taking = asyncio.create_task(take(stream, 6))
            await resubscribed(relay, log.sets)
            assert await within(taking) == whole(*log.sets)

    async def test_again_and_again(self, relay: ScriptedRelay) -> None:
        log = long_log(12)
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            seen: list[Seen] = []
            await_one = asyncio.create_task(take(stream))
            await session.subscribe(FIRST, log.sets[:1])
            seen += await within(await_one)
            for count in range(2, 13):
                await session.drop()
                await_one = asyncio.create_task(take(stream))
                session, _ = await resubscribed(relay, log.sets[:count])
                seen += await within(await_one)
            assert seen == whole(*log.sets)

    async def test_only_if_it_was_asked_for(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client, resume=False)
            taking = asyncio.create_task(take(stream, 2))
            await session.subscribe(FIRST, log.sets[:2])
            await within(taking)
            await session.drop()
            with pytest.raises(ConnectionLost):
                await within(stream.peek())
            # By hand it goes on all the same.
            again = asyncio.create_task(client.reconnect())
            session = await relay.accept()
            await session.authenticate()
            await within(again)
            taking = asyncio.create_task(take(stream))
            await session.subscribe(FIRST, log.sets)
            assert await within(taking) == whole(log.sets[2])

    async def test_not_with_a_relay_that_breaks_the_rules(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            peeking = asyncio.create_task(stream.peek())
            await session.subscribe(FIRST)
            await session.socket.send_bytes(b"\xff")
            with pytest.raises(RelayMisbehaved):
                await within(peeking)

    async def test_a_log_that_ends_earlier_than_it_did_is_raised(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 6))
            await session.subscribe(FIRST, log.sets)
            await within(taking)
            await session.drop()
            peeking = asyncio.create_task(stream.peek())
            session = await relay.accept()
            await session.authenticate()
            request_id, _ = await session.expect(SubscriptionRequest)
            await session.refuse(request_id, Code.NOT_FOUND, "beyond the end")
            with pytest.raises(RelayRefused, match="beyond the end"):
                await within(peeking)

    async def test_another_set_under_a_known_number_is_noticed(self, relay: ScriptedRelay) -> None:
        log, other = long_log(), long_log()
        other.verified[4] = other.sign(CLERK, add_listing(99))
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 5))
            await session.subscribe(FIRST, log.sets[:5])
            await within(taking)
            await session.drop()
            peeking = asyncio.create_task(stream.peek())
            await resubscribed(relay, other.sets)
            with pytest.raises(VerificationFailed, match="not the set that had this number before"):
                await within(peeking)


class TestRepeats:
    async def test_what_is_known_is_left_out(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 6))
            sets = log.sets
            await session.subscribe(
                FIRST,
                [sets[0], sets[0], sets[1], sets[2], sets[3], sets[1], log.set(5, (0, 1)), sets[4], sets[5]],
            )
            seen = await within(taking)
            assert seen == [*whole(*sets[:4]), *whole(log.set(5, (0, 1)), log.set(5, (2,)))]

    async def test_they_are_acknowledged(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 2))
            await session.subscribe(FIRST, log.sets[:1])
            repeated = await session.push(FIRST, log.sets[0])
            await session.push(FIRST, log.sets[1])
            await within(taking)
            assert await within(repeated) == Success()


class TestBackPressure:
    async def test_acknowledged_is_what_was_taken(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST)
            await within(opening)
            pushes = [await session.push(FIRST, pushed) for pushed in log.sets]
            await take(stream, 3)
            assert await within(asyncio.gather(*pushes[:3])) == [Success()] * 3
            await within(stream.peek())
            await asyncio.sleep(0.02)
            assert not any(push.done() for push in pushes[3:])

    async def test_what_finds_no_room_is_asked_for_later(self, relay: ScriptedRelay) -> None:
        log = long_log(30)
        async with connected(relay) as (client, session):
            stream = stream_of(client, buffer_bytes=10_000)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST, log.sets)
            await within(opening)
            answered = await within(await session.push(FIRST, log.sets[-1]))
            assert isinstance(answered, Failure)
            assert answered.code == Code.CLOSE_SUBSCRIPTION
            seen: list[Seen] = []
            subscriptions = 0
            while len(seen) < 30:
                taking = asyncio.create_task(take(stream))
                while not taking.done():
                    resuming = asyncio.create_task(session.requests.get())
                    await asyncio.wait([taking, resuming], return_when=asyncio.FIRST_COMPLETED)
                    if not resuming.done():
                        resuming.cancel()
                        continue
                    request_id, request = resuming.result().request_id, resuming.result().message
                    assert isinstance(request, SubscriptionRequest)
                    subscriptions += 1
                    subscription_id = (subscriptions + 1).to_bytes(2)
                    await session.answer(request_id, subscription_id)
                    for pushed in log.sets[request.start_shop_seq_no :]:
                        await session.push(subscription_id, pushed)
                seen += await within(taking)
            assert seen == whole(*log.sets)
            assert subscriptions >= 2


class TestSyncStatus:
    async def test_it_counts_down_with_what_is_taken(self, relay: ScriptedRelay) -> None:
        log = long_log(4)
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            assert stream.unpushed is None
            taking = asyncio.create_task(take(stream, 3))
            await session.subscribe(FIRST, log.sets)
            await within(taking)
            assert stream.unpushed == 3
            assert not stream.caught_up.is_set()
            await take(stream)
            assert stream.unpushed == 0
            assert stream.caught_up.is_set()

    async def test_an_empty_backlog_is_caught_up_at_once(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            peeking = asyncio.create_task(stream.peek())
            await session.subscribe(FIRST)
            await within(stream.caught_up.wait())
            await session.push(FIRST, long_log().sets[0])
            await within(peeking)
            stream.take()
            assert stream.unpushed == 0

    async def test_what_is_left_out_counts_too(self, relay: ScriptedRelay) -> None:
        log = long_log(5)
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 4))
            await session.subscribe(FIRST, [*log.sets[:3], log.set(4, (0, 1))])
            await within(taking)
            await session.drop()
            taking = asyncio.create_task(take(stream))
            await resubscribed(relay, log.sets)
            await within(taking)
            assert stream.unpushed == 3

    async def test_falling_back_is_seen(self, relay: ScriptedRelay) -> None:
        log = long_log(4)
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 1))
            await session.subscribe(FIRST, log.sets[:1])
            await within(taking)
            assert stream.caught_up.is_set()
            await session.sync_status(FIRST, 500)
            await session.push(FIRST, log.sets[1])
            await take(stream)
            assert stream.unpushed == 499
            assert not stream.caught_up.is_set()


class TestCancelling:
    async def test_it_ends_for_who_waits(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            peeking = asyncio.create_task(stream.peek())
            await session.subscribe(FIRST)
            await within(stream.caught_up.wait())
            cancelling = asyncio.create_task(stream.cancel())
            request_id, asked = await session.expect(SubscriptionCancelRequest)
            assert asked.subscription_id == FIRST
            assert await within(peeking) is None
            await session.answer(request_id)
            await within(cancelling)
            assert await within(stream.peek()) is None

    async def test_what_waits_is_acknowledged(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST)
            await within(opening)
            before = await session.push(FIRST, log.sets[0])
            await within(stream.peek())
            cancelling = asyncio.create_task(stream.cancel())
            request_id, _ = await session.expect(SubscriptionCancelRequest)
            crossing = await session.push(FIRST, log.sets[1])
            assert await within(before) == await within(crossing) == Success()
            await session.answer(request_id)
            await within(cancelling)

    async def test_what_never_began_needs_no_word(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            await within(stream_of(client).cancel())
            assert session.requests.empty()

    async def test_what_the_relay_has_ended_already_is_over(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST)
            await within(opening)
            cancelling = asyncio.create_task(stream.cancel())
            request_id, _ = await session.expect(SubscriptionCancelRequest)
            await session.refuse(request_id, Code.NOT_FOUND)
            await within(cancelling)

    async def test_a_connection_that_breaks_meanwhile_is_no_matter(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST)
            await within(opening)
            cancelling = asyncio.create_task(stream.cancel())
            await session.expect(SubscriptionCancelRequest)
            await session.drop()
            await within(cancelling)

    async def test_while_the_subscription_is_being_made(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            peeking = asyncio.create_task(stream.peek())
            request_id, _ = await session.expect(SubscriptionRequest)
            await within(stream.cancel())
            await session.answer(request_id, FIRST)
            cancel_id, asked = await session.expect(SubscriptionCancelRequest)
            assert asked.subscription_id == FIRST
            await session.answer(cancel_id)
            assert await within(peeking) is None

    async def test_closing_the_client_ends_it(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            peeking = asyncio.create_task(stream.peek())
            await session.subscribe(FIRST)
            await within(stream.caught_up.wait())
            await client.close()
            assert await within(peeking) is None

    async def test_rejecting_tells_the_relay_why(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST)
            await within(opening)
            push = await session.push(FIRST, log.sets[0], log.sets[1])
            await within(stream.peek())
            stream.reject("ä" * 10_000)
            answer = await within(push)
            assert isinstance(answer, Failure)
            assert answer.code == Code.CLOSE_SUBSCRIPTION
            assert answer.message == "ä" * 250
            assert await within(stream.peek()) is None


class TestTheVisitorsView:
    async def test_it_is_kept_when_the_session_authenticates_and_resumes(self, relay: ScriptedRelay) -> None:
        log = new_shop()
        log.add(CLERK, add_listing(1))
        log.add(CLERK, add_stock(1, 5) + add_listing(2) + add_order(7))
        log.add(CLERK, add_order(8))
        log.add(CLERK, add_listing(3))
        async with connected(relay, is_authenticated=False) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 4))
            await session.subscribe(FIRST, log.sets[:4])
            await within(taking)
            authenticating = asyncio.create_task(client.authenticate())
            await session.authenticate()
            await within(authenticating)
            await session.drop()
            taking = asyncio.create_task(take(stream, 2))
            await resubscribed(relay, log.sets)
            assert await within(taking) == whole(log.set(5, (1,)), log.set(7))
            assert not stream.sees_as_member

    async def test_members_see_everything(self, relay: ScriptedRelay) -> None:
        log = new_shop()
        log.add(CLERK, add_order(8))
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 4))
            await session.subscribe(FIRST, log.sets)
            assert await within(taking) == whole(*log.sets)
            assert stream.sees_as_member

    async def test_elsewhere_everybody_is_a_visitor(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            stream = stream_of(client, shop_id=SHOP_ID + 1)
            opening = asyncio.create_task(stream.open())
            await session.subscribe(FIRST)
            await within(opening)
            assert not stream.sees_as_member


async def test_a_proof_that_is_none_has_no_position(relay: ScriptedRelay) -> None:
    log = long_log()
    async with connected(relay) as (client, session):
        stream = stream_of(client)
        taking = asyncio.create_task(take(stream))
        await session.subscribe(FIRST, [changed(log.sets[0], proofs=())])
        await within(taking)
        with pytest.raises(VerificationFailed):
            _ = stream.position


class TestARestoredRelay:
    async def test_says_that_a_number_is_in_the_gap(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            opening = asyncio.create_task(stream_of(client, Position(6)).open())
            request_id, _ = await session.expect(SubscriptionRequest)
            await session.refuse(request_id, Code.NOT_FOUND, RESTORED)
            with pytest.raises(LogRestored, match="patch set 6 is gone") as caught:
                await within(opening)
            assert caught.value.seq == 6

    @pytest.mark.parametrize(
        ("code", "words"), [(Code.NOT_FOUND, "the log ends at 5"), (Code.INVALID, RESTORED)]
    )
    async def test_is_not_seen_in_any_other_refusal(
        self, relay: ScriptedRelay, code: Code, words: str
    ) -> None:
        async with connected(relay) as (client, session):
            opening = asyncio.create_task(stream_of(client, Position(6)).open())
            request_id, _ = await session.expect(SubscriptionRequest)
            await session.refuse(request_id, code, words)
            with pytest.raises(RelayRefused):
                await within(opening)

    async def test_that_lacks_just_the_last_set_is_noticed_by_the_next(self, relay: ScriptedRelay) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 5))
            await session.subscribe(FIRST, log.sets[:5])
            await within(taking)
            await session.drop()
            taking = asyncio.create_task(take(stream))
            _, request = await resubscribed(relay, [*log.sets[:4], changed(log.set(6), seq=AFTER_RESTORE)])
            assert request.start_shop_seq_no == 4
            for _ in range(2):
                with pytest.raises(LogRestored, match="patch set 5 is gone"):
                    await within(taking)
                taking = asyncio.create_task(take(stream))
            taking.cancel()

    async def test_that_lacks_just_the_last_set_is_noticed_when_nothing_follows(
        self, relay: ScriptedRelay
    ) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 5))
            await session.subscribe(FIRST, log.sets[:5])
            await within(taking)
            await session.drop()
            taking = asyncio.create_task(take(stream))
            await resubscribed(relay, log.sets[:4])
            with pytest.raises(LogRestored, match="patch set 5 is gone"):
                await within(taking)

    async def test_is_not_asked_for_what_comes_after_a_number_in_its_gap(self, relay: ScriptedRelay) -> None:
        log = long_log()
        restored = [*log.sets[:5], changed(log.set(6), seq=AFTER_RESTORE)]
        async with connected(relay) as (client, session):
            stream = stream_of(client)
            taking = asyncio.create_task(take(stream, 6))
            await session.subscribe(FIRST, restored)
            await within(taking)
            await session.drop()
            taking = asyncio.create_task(take(stream))
            session, request = await resubscribed(relay, restored)
            assert request.start_shop_seq_no == 5
            follows = changed(log.set(6), seq=AFTER_RESTORE + 1)
            await session.push(FIRST, follows)
            assert await within(taking) == whole(follows)

    async def test_is_asked_for_everything_when_the_number_before_the_gap_is_not_known(
        self, relay: ScriptedRelay
    ) -> None:
        log = long_log()
        async with connected(relay) as (client, session):
            stream = stream_of(client, Position(AFTER_RESTORE, 1))
            taking = asyncio.create_task(take(stream))
            restored = [*log.sets[:5], changed(log.set(6), seq=AFTER_RESTORE)]
            request = await session.subscribe(FIRST, restored)
            assert request.start_shop_seq_no == 0
            assert await within(taking) == whole(changed(log.set(6, (2,)), seq=AFTER_RESTORE))
