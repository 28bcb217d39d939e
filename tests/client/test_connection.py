import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from minirelay.client.connection import MAX_OPEN_REQUESTS, Connection
from minirelay.client.errors import ConnectionLost, RelayMisbehaved, RelayRefused, RelayUnreachable
from minirelay.client.inbox import Arrival, Inbox, Overflow, SyncStatus
from minirelay.errors import Code
from minirelay.protocol.envelope import (
    Failure,
    GetBlobUploadURLRequest,
    PatchSetWriteRequest,
    PingRequest,
    SubscriptionCancelRequest,
    SubscriptionRequest,
    Success,
    SyncStatusRequest,
    encode_ping,
)
from minirelay.protocol.push import SequencedPartialPatchSet
from tests.client.scripted_relay import ScriptedRelay, Session, within

SUBSCRIBE = SubscriptionRequest(b"\x54\x09")
FIRST = b"\0\1"


@asynccontextmanager
async def opened(
    relay: ScriptedRelay, heartbeat_s: float | None = None
) -> AsyncIterator[tuple[Connection, Session]]:
    async with aiohttp.ClientSession() as http:
        connection = await Connection.open(http, URL(relay.url) / "v4/sessions", heartbeat_s)
        try:
            yield connection, await relay.accept()
        finally:
            await connection.close()


def pushed(seq: int, size: int = 10) -> SequencedPartialPatchSet:
    return SequencedPartialPatchSet(seq, 0, b"header", b"signature", (bytes(size),), (b"proof",))


async def subscribed(connection: Connection, session: Session, limit_bytes: int = 10**6) -> Inbox:
    inbox = Inbox(limit_bytes)
    asking = asyncio.create_task(connection.subscribe(SUBSCRIBE, inbox))
    request_id, _ = await session.expect(SubscriptionRequest)
    await session.answer(request_id, FIRST)
    await asking
    return inbox


async def arrived(inbox: Inbox) -> int:
    first = await within(inbox.peek())
    assert isinstance(first, Arrival)
    inbox.take()
    return first.pushed.seq


class TestOpening:
    async def test_nobody_there(self) -> None:
        async with aiohttp.ClientSession() as http:
            with pytest.raises(RelayUnreachable) as caught:
                await Connection.open(http, URL("http://127.0.0.1:1/v4/sessions"), None)
        assert caught.value.status is None

    @pytest.mark.parametrize(
        ("status", "header", "retry_after_s"),
        [(429, "7", 7.0), (503, None, None), (429, "Wed, 21 Oct 2026 07:28:00 GMT", None), (404, "²", None)],
    )
    async def test_turned_away(
        self, relay: ScriptedRelay, status: int, header: str | None, retry_after_s: float | None
    ) -> None:
        headers = {} if header is None else {"Retry-After": header}
        relay.turn_away.append(web.Response(status=status, headers=headers))
        async with aiohttp.ClientSession() as http:
            with pytest.raises(RelayUnreachable) as caught:
                await Connection.open(http, URL(relay.url) / "v4/sessions", None)
        assert (caught.value.status, caught.value.retry_after_s) == (status, retry_after_s)


class TestRequests:
    async def test_ids_count_up_from_one_and_answers_find_their_request(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asked = [
                asyncio.create_task(connection.request(PatchSetWriteRequest(b"%d" % number)))
                for number in range(5)
            ]
            received = [await session.expect(PatchSetWriteRequest) for _ in range(5)]
            assert [request_id for request_id, _ in received] == [1, 2, 3, 4, 5]
            for request_id, message in reversed(received):
                await session.answer(request_id, b"root of " + message.patch_set)
            assert await within(asyncio.gather(*asked)) == [b"root of %d" % number for number in range(5)]

    async def test_a_refusal_is_raised(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asking = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
            request_id, _ = await session.expect(GetBlobUploadURLRequest)
            await session.refuse(request_id, Code.OUT_OF_STOCK, "gone", 7)
            with pytest.raises(RelayRefused) as caught:
                await within(asking)
            assert (caught.value.code, caught.value.message, caught.value.object_id) == (9, "gone", 7)

    async def test_requests_leave_in_the_order_in_which_they_were_asked_for(
        self, relay: ScriptedRelay
    ) -> None:
        async with opened(relay) as (connection, session):
            count = MAX_OPEN_REQUESTS + 500
            made: list[int] = []

            def make(number: int) -> PatchSetWriteRequest:
                made.append(number)
                return PatchSetWriteRequest(b"%d" % number)

            asked = [
                asyncio.create_task(connection.request(lambda number=number: make(number)))  # type: ignore[misc]
                for number in range(count)
            ]
            for number in range(count):
                request_id, message = await session.expect(PatchSetWriteRequest)
                assert message.patch_set == b"%d" % number
                await session.answer(request_id, b"ok")
            await within(asyncio.gather(*asked))
            assert made == list(range(count))

    async def test_no_more_requests_are_under_way_than_the_relay_allows(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asked = [
                asyncio.create_task(connection.request(PatchSetWriteRequest(b"x")))
                for _ in range(MAX_OPEN_REQUESTS + 1)
            ]
            ids = [(await session.expect(PatchSetWriteRequest))[0] for _ in range(MAX_OPEN_REQUESTS)]
            await session.ask(PingRequest())
            await asyncio.sleep(0.05)
            assert session.requests.empty()
            await session.answer(ids.pop())
            last_id, _ = await session.expect(PatchSetWriteRequest)
            for request_id in (*ids, last_id):
                await session.answer(request_id)
            await within(asyncio.gather(*asked))

    async def test_what_the_relay_does_not_read_does_not_pile_up(self, relay: ScriptedRelay) -> None:
        made = 0

        def make() -> PatchSetWriteRequest:
            nonlocal made
            made += 1
            return PatchSetWriteRequest(bytes(1024 * 1024))

        async with opened(relay) as (connection, session):
            transport = session.socket._req.transport  # type: ignore[union-attr]
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            asked = [asyncio.create_task(connection.request(make)) for _ in range(100)]
            await asyncio.sleep(0.2)
            assert 4 <= made < 40
            transport.resume_reading()
            for _ in asked:
                await session.answer((await session.expect(PatchSetWriteRequest))[0])
            await within(asyncio.gather(*asked))

    async def test_a_message_that_can_not_be_made_takes_no_place(self, relay: ScriptedRelay) -> None:
        def fail() -> PatchSetWriteRequest:
            raise ValueError("no")

        async with opened(relay) as (connection, session):
            with pytest.raises(ValueError, match="no"):
                await connection.request(fail)
            asking = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
            await session.answer((await session.expect(GetBlobUploadURLRequest))[0])
            assert await within(asking) == b""

    async def test_an_answer_to_who_was_cancelled_harms_nobody(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            for answer in (session.answer, lambda number: session.refuse(number, Code.INVALID)):
                asking = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
                request_id, _ = await session.expect(GetBlobUploadURLRequest)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                await answer(request_id)
            other = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
            await session.answer((await session.expect(GetBlobUploadURLRequest))[0], b"fine")
            assert await within(other) == b"fine"


class TestTheRelaysRequests:
    async def test_pings_and_statuses_are_answered_at_once(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (_, session):
            for message in (PingRequest(), SyncStatusRequest(1, 5), SyncStatusRequest(2**64 - 1, 5)):
                assert await within(await session.ask(message)) == Success()

    async def test_its_ids_may_be_those_of_the_clients_requests(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asking = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
            request_id, _ = await session.expect(GetBlobUploadURLRequest)
            assert await within(await session.ask(PingRequest(), request_id)) == Success()
            await session.answer(request_id, b"url")
            assert await within(asking) == b"url"

    async def test_what_clients_ask_is_refused(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (_, session):
            answer = await within(await session.ask(GetBlobUploadURLRequest()))
            assert isinstance(answer, Failure)
            assert answer.code == Code.INVALID
            assert answer.message


class TestPushes:
    async def test_they_wait_and_are_acknowledged_when_taken(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            first = await session.push(FIRST, pushed(1), pushed(2))
            second = await session.push(FIRST, pushed(3))
            # Answered while the pushes wait: nobody who reads slowly stops the rest.
            assert await within(await session.ask(PingRequest())) == Success()
            assert not first.done()
            assert [await arrived(inbox) for _ in range(2)] == [1, 2]
            assert await within(first) == Success()
            assert not second.done()

    async def test_the_first_may_come_right_behind_the_answer(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = Inbox(10**6)
            asking = asyncio.create_task(connection.subscribe(SUBSCRIBE, inbox))
            request_id, _ = await session.expect(SubscriptionRequest)
            await session.answer(request_id, FIRST)
            await session.sync_status(FIRST, 1)
            await session.push(FIRST, pushed(1))
            await asking
            assert await within(inbox.peek()) == SyncStatus(1)
            inbox.take()
            assert await arrived(inbox) == 1

    async def test_those_of_no_subscription_are_turned_away(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (_, session):
            answer = await within(await session.push(b"\0\7", pushed(1)))
            assert isinstance(answer, Failure)
            assert answer.code == Code.CLOSE_SUBSCRIPTION

    async def test_those_without_room_end_the_subscription(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session, limit_bytes=5_000)
            kept = await session.push(FIRST, pushed(1, 3_000))
            turned_away = [await session.push(FIRST, pushed(seq, 3_000)) for seq in (2, 3)]
            for answer in turned_away:
                refusal = await within(answer)
                assert isinstance(refusal, Failure)
                assert refusal.code == Code.CLOSE_SUBSCRIPTION
            assert await arrived(inbox) == 1
            assert await within(kept) == Success()
            with pytest.raises(Overflow):
                await within(inbox.peek())

    async def test_cancelling_waits_for_the_relay(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            cancelling = asyncio.create_task(connection.cancel(inbox))
            request_id, message = await session.expect(SubscriptionCancelRequest)
            assert message.subscription_id == FIRST
            await session.answer(request_id)
            await within(cancelling)
            assert isinstance(await within(await session.push(FIRST, pushed(1))), Failure)

    async def test_a_subscription_that_nobody_waits_for_is_turned_away(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asking = asyncio.create_task(connection.subscribe(SUBSCRIBE, Inbox(10**6)))
            request_id, _ = await session.expect(SubscriptionRequest)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await session.answer(request_id, FIRST)
            assert isinstance(await within(await session.push(FIRST, pushed(1))), Failure)


class TestTheEnd:
    async def test_whoever_waits_hears_of_it(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            asked = [asyncio.create_task(connection.request(GetBlobUploadURLRequest())) for _ in range(3)]
            for _ in asked:
                await session.expect(GetBlobUploadURLRequest)
            await session.drop()
            results = await within(asyncio.gather(*asked, return_exceptions=True))
            assert [type(result) for result in results] == [ConnectionLost] * 3
            assert len(set(map(id, results))) == 3
            with pytest.raises(ConnectionLost):
                await within(inbox.peek())
            assert not connection.is_open
            with pytest.raises(ConnectionLost):
                connection.check()
            with pytest.raises(ConnectionLost):
                await connection.request(GetBlobUploadURLRequest())

    async def test_the_relays_reason_is_told(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asking = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
            await session.expect(GetBlobUploadURLRequest)
            await session.socket.close(code=1008, message=b"unlinked")
            with pytest.raises(ConnectionLost, match="unlinked") as caught:
                await within(asking)
            assert caught.value.close_code == 1008
            assert not isinstance(caught.value, RelayMisbehaved)

    async def test_who_waits_for_room_hears_of_it(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asked = [
                asyncio.create_task(connection.request(PatchSetWriteRequest(b"x")))
                for _ in range(MAX_OPEN_REQUESTS + 20)
            ]
            await session.expect(PatchSetWriteRequest)
            await session.drop()
            results = await within(asyncio.gather(*asked, return_exceptions=True))
            assert {type(result) for result in results} == {ConnectionLost}

    async def test_closing_is_orderly(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            asking = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
            await session.expect(GetBlobUploadURLRequest)
            await connection.close()
            with pytest.raises(ConnectionLost, match="client closed"):
                await within(asking)
            await within(session.ended.wait())
            assert session.socket.close_code == 1000
            await connection.close()

    async def test_the_last_word_still_leaves(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            push = await session.push(FIRST, pushed(1))
            await within(inbox.peek())
            inbox.reject(Failure(Code.CLOSE_SUBSCRIPTION, "not proved"))
            await connection.close()
            assert await within(push) == Failure(Code.CLOSE_SUBSCRIPTION, "not proved")

    async def test_closing_does_not_wait_for_a_relay_that_does_not_read(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            transport = session.socket._req.transport  # type: ignore[union-attr]
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            request = PatchSetWriteRequest(bytes(10**7))
            asked = [asyncio.create_task(connection.request(request)) for _ in range(5)]
            await asyncio.sleep(0.05)
            await within(connection.close(), 8)
            results = await within(asyncio.gather(*asked, return_exceptions=True))
            assert {type(result) for result in results} == {ConnectionLost}
            transport.abort()

    async def test_a_relay_that_answers_no_pings_is_lost(self, relay: ScriptedRelay) -> None:
        async with opened(relay, heartbeat_s=0.1) as (connection, session):
            asking = asyncio.create_task(connection.request(GetBlobUploadURLRequest()))
            await session.expect(GetBlobUploadURLRequest)
            transport = session.socket._req.transport  # type: ignore[union-attr]
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            with pytest.raises(ConnectionLost):
                await within(asking)
            transport.abort()


def garbage() -> list[tuple[str, bytes]]:
    return [
        ("no envelope", b"\xff\xff\xff"),
        ("nothing", b""),
        ("request id 0", encode_ping(0)),
        ("no message", b"\x0a\x02\x08\x01"),
    ]


class TestMisbehaviour:
    @pytest.mark.parametrize(("what", "frame"), garbage(), ids=lambda one: str(one)[:20])
    async def test_garbage_ends_the_connection(self, relay: ScriptedRelay, what: str, frame: bytes) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            await session.socket.send_bytes(frame)
            with pytest.raises(RelayMisbehaved):
                await within(inbox.peek())
            await within(session.ended.wait())
            assert session.socket.close_code == 1002

    async def test_a_text_frame_ends_the_connection(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            await session.socket.send_str("hello")
            with pytest.raises(RelayMisbehaved, match="text"):
                await within(inbox.peek())

    async def test_a_frame_that_is_too_large_ends_the_connection(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            with contextlib.suppress(ConnectionError):
                await session.socket.send_bytes(bytes(5 * 1024 * 1024))
            with pytest.raises(ConnectionLost):
                await within(inbox.peek())

    @pytest.mark.parametrize("request_id", [1, 99, -1])
    async def test_an_answer_that_nobody_waits_for_ends_the_connection(
        self, relay: ScriptedRelay, request_id: int
    ) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            await session.answer(request_id)
            with pytest.raises(RelayMisbehaved, match="does not wait for an answer"):
                await within(inbox.peek())

    @pytest.mark.parametrize("subscription_id", [b"", b"\1", b"\0\0\1", bytes(1000)])
    async def test_a_subscription_id_of_another_length_ends_the_connection(
        self, relay: ScriptedRelay, subscription_id: bytes
    ) -> None:
        async with opened(relay) as (connection, session):
            asking = asyncio.create_task(connection.subscribe(SUBSCRIBE, Inbox(10**6)))
            await session.answer((await session.expect(SubscriptionRequest))[0], subscription_id)
            with pytest.raises(RelayMisbehaved, match="subscription id"):
                await within(asking)

    async def test_a_subscription_id_that_is_in_use_ends_the_connection(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            await subscribed(connection, session)
            asking = asyncio.create_task(connection.subscribe(SUBSCRIBE, Inbox(10**6)))
            await session.answer((await session.expect(SubscriptionRequest))[0], FIRST)
            with pytest.raises(RelayMisbehaved, match="in use"):
                await within(asking)

    async def test_hanging_up_says_why_to_all(self, relay: ScriptedRelay) -> None:
        async with opened(relay) as (connection, session):
            inbox = await subscribed(connection, session)
            assert isinstance(connection.hang_up("makes no sense"), RelayMisbehaved)
            with pytest.raises(RelayMisbehaved, match="makes no sense"):
                await within(inbox.peek())
            await within(session.ended.wait())


async def test_nothing_is_left_running(relay: ScriptedRelay) -> None:
    async with opened(relay) as (connection, session):
        await subscribed(connection, session)
        await session.drop()
    gc.collect()
    ours = [task for task in asyncio.all_tasks() if "Connection" in repr(task.get_coro())]
    assert ours == []
