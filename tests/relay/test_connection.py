"""One session's traffic: answers, limits, subscriptions by id, keep-alive, and how it ends (spec 01, 05)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from minirelay.errors import Code, invalid
from minirelay.metrics import Meters
from minirelay.protocol import envelope as wire
from minirelay.protocol.objects import ObjectType
from minirelay.relay.connection import ENTRY_BYTES, Connection
from minirelay.relay.live_cards import LiveCards
from minirelay.relay.lookups import UNREADABLE
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import HangUp, Outcome, Subscribe, WriteRequest
from minirelay.relay.session import SessionLimits
from minirelay.relay.session_subscriptions import FILTER_BYTES, SUBSCRIPTION_BYTES
from minirelay.relay.subscription import Subscription
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import KeyCard
from tests.limits import CONNECTION, SESSION
from tests.raw_client import Line, Refused, payload
from tests.relay.house import (
    SHOP,
    TIMEOUT_S,
    House,
    images,
    listing,
    new_key,
    relay_limits,
    running_relay,
    until,
)

VISIT = wire.SubscriptionRequest(SHOP.to_bytes(2))


# -- requests and their answers


async def test_every_request_gets_one_answer_with_its_id(house: House) -> None:
    clerk = await house.clerk()
    requests: dict[int, wire.Message] = {
        7: VISIT,
        -9: wire.PatchSetWriteRequest(clerk.seal(listing(1))),
        2**63 - 1: wire.GetBlobUploadURLRequest(),
        -(2**63): wire.SubscriptionCancelRequest(b"\0\x09"),
        8: wire.PingRequest(),
        2: wire.AuthenticateRequest(bytes(33)),
        -1: wire.PatchSetWriteRequest(b"garbage"),
    }
    answers = [await clerk.start(message, request_id) for request_id, message in requests.items()]
    envelopes = await asyncio.wait_for(asyncio.gather(*answers), TIMEOUT_S)
    assert [one.request_id for one in envelopes] == list(requests)
    await clerk.quiet()
    counted = [
        one.request_id for one in clerk.received if isinstance(one.message, wire.Success | wire.Failure)
    ]
    assert sorted(counted) == sorted([*requests, 1, 2, 3])


async def test_a_request_id_can_be_used_again_once_it_is_answered(house: House) -> None:
    clerk = await house.clerk()
    for number in range(1, 20):
        await clerk.ask(wire.PatchSetWriteRequest(clerk.seal(listing(number))), 5)


async def test_errors_have_a_code_and_words(house: House) -> None:
    visitor = await house.visitor()
    for message in (
        wire.PingRequest(),
        wire.SyncStatusRequest(1, 2),
        wire.SubscriptionPushRequest(b"\0\1", ()),
        wire.PatchSetWriteRequest(b""),
        wire.AuthenticateRequest(b""),
        wire.ChallengeSolvedRequest(b""),
        wire.GetBlobUploadURLRequest(),
        wire.SubscriptionRequest(b""),
        wire.SubscriptionCancelRequest(b""),
    ):
        answer = (await asyncio.wait_for(await visitor.start(message), TIMEOUT_S)).message
        assert isinstance(answer, wire.Failure)
        assert answer.code != 0
        assert answer.message


async def test_thousands_of_pipelined_requests_are_all_answered(house: House) -> None:
    clerk = await house.clerk()
    sealed = [clerk.seal(listing(number)) for number in range(1, 3001)]
    answers = [await clerk.start(wire.PatchSetWriteRequest(one)) for one in sealed]
    outcomes: dict[str, int] = {"stored": 0, "TOO_MANY_CONCURRENT_REQUESTS": 0, "INVALID": 0}
    for answer in answers:
        try:
            payload(await asyncio.wait_for(answer, 3 * TIMEOUT_S))
            outcomes["stored"] += 1
        except Refused as refused:
            outcomes[refused.code.name] += 1
    assert sum(outcomes.values()) == 3000
    assert outcomes["stored"] >= 1024
    assert outcomes["INVALID"] == 0
    assert (await house.store.reader.tail(1))[0] == 1 + outcomes["stored"]


async def test_the_surplus_of_unanswered_requests_is_refused(house: House) -> None:
    clerk = await house.clerk()
    async with house.disk_held():
        answers = [await clerk.start_write(listing(number)) for number in range(1, 1030)]
        surplus = await asyncio.wait_for(asyncio.gather(*answers[1024:]), TIMEOUT_S)
        for one in surplus:
            with pytest.raises(Refused) as refused:
                payload(one)
            assert refused.value.code == Code.TOO_MANY_CONCURRENT_REQUESTS
        assert not any(answer.done() for answer in answers[:1024])
    for answer in answers[:1024]:
        payload(await asyncio.wait_for(answer, TIMEOUT_S))
    await clerk.write(listing(2000))


# -- subscriptions by their ids


async def test_subscription_ids_count_from_one_in_two_bytes(house: House) -> None:
    await house.enrol()
    for _ in range(2):
        visitor = await house.visitor()
        assert [await visitor.subscribe() for _ in range(3)] == [b"\0\1", b"\0\2", b"\0\3"]
        await visitor.cancel(b"\0\2")
        assert await visitor.subscribe() == b"\0\4"


async def test_a_session_holds_a_limited_number_of_subscriptions(house: House) -> None:
    await house.enrol()
    visitor = await house.visitor()
    answers = [await visitor.start(VISIT) for _ in range(40)]
    envelopes = await asyncio.wait_for(asyncio.gather(*answers), TIMEOUT_S)
    accepted = [one for one in envelopes if isinstance(one.message, wire.Success)]
    assert len(accepted) == 32
    for one in envelopes:
        if isinstance(one.message, wire.Failure):
            assert one.message.code == Code.INVALID
    await visitor.cancel(b"\0\5")
    assert await visitor.subscribe() == b"\0\x21"
    with pytest.raises(Refused):
        await visitor.subscribe()


async def test_refused_subscriptions_take_no_place(tmp_path: Path) -> None:
    async with running_relay(tmp_path, relay_limits(subscriptions=1)) as house:
        await house.enrol()
        visitor = await house.visitor()
        for _ in range(5):
            with pytest.raises(Refused):
                await visitor.subscribe(99)
        await visitor.subscribe()


async def test_nothing_of_a_subscription_comes_after_its_cancellation(house: House) -> None:
    clerk = await house.clerk()
    line = await house.line()
    for _ in range(10):
        subscription_id = await line.subscribe()
        await clerk.write(("replace", ("Manifest", "PricingCurrency"), {"ChainID": 5, "Address": bytes(20)}))
        cancelled = await line.start(wire.SubscriptionCancelRequest(subscription_id))
        await clerk.write(("replace", ("Manifest", "PricingCurrency"), {"ChainID": 6, "Address": bytes(20)}))
        await line.read_until(cancelled.done)
        assert payload(cancelled.result()) == b""
        while not line.pushes.empty():
            line.pushes.get_nowait()
        await line.quiet()
        assert line.pushes.empty()


@pytest.mark.parametrize(
    ("subscription_id", "code"),
    [
        (b"\0\1", Code.NOT_FOUND),
        (b"\xff\xff", Code.NOT_FOUND),
        (b"", Code.INVALID),
        (b"\1", Code.INVALID),
        (b"\0\0\1", Code.INVALID),
        (bytes(1000), Code.INVALID),
    ],
)
async def test_what_cannot_be_cancelled(house: House, subscription_id: bytes, code: Code) -> None:
    visitor = await house.visitor()
    with pytest.raises(Refused) as refused:
        await visitor.cancel(subscription_id)
    assert refused.value.code == code


async def test_a_subscription_is_cancelled_once(house: House) -> None:
    await house.enrol()
    visitor = await house.visitor()
    subscription_id = await visitor.subscribe()
    await visitor.cancel(subscription_id)
    with pytest.raises(Refused) as refused:
        await visitor.cancel(subscription_id)
    assert refused.value.code == Code.NOT_FOUND


@pytest.mark.parametrize("code", [Code.CLOSE_SUBSCRIPTION, Code.INVALID, 0, 99])
async def test_an_error_for_a_push_ends_that_subscription_only(house: House, code: int) -> None:
    clerk = await house.clerk()
    line = await house.line()
    line.acknowledges = False
    doomed, other = await line.subscribe(), await line.subscribe(1)
    push = await line.next_push()
    assert push.subscription_id == doomed
    await line.send(wire.encode_envelope(line.unacknowledged.popleft(), wire.Failure(code, "no more")))
    await clerk.write(listing(1))
    push = await line.next_push()
    assert (push.subscription_id, push.sets[0].seq) == (other, 2)
    await line.quiet()
    assert line.pushes.empty()
    with pytest.raises(Refused) as refused:
        await line.cancel(doomed)
    assert refused.value.code == Code.NOT_FOUND


async def test_an_error_for_a_sync_status_or_a_second_answer_to_a_push_changes_nothing(house: House) -> None:
    clerk = await house.clerk()
    line = await house.line()
    await line.subscribe()
    await line.next_push()
    for one in list(line.received):
        if one.request_id < 0:
            for message in (wire.Failure(Code.INVALID, "what"), wire.Success()):
                await line.send(wire.encode_envelope(one.request_id, message))
    await clerk.write(listing(1))
    assert (await line.next_push()).sets[0].seq == 2


async def test_the_relays_own_ids_are_negative_and_never_twice(house: House) -> None:
    clerk = await house.clerk()
    await clerk.subscribe()
    await clerk.subscribe(1)
    for number in range(1, 20):
        await clerk.write(listing(number))
    await clerk.quiet()
    own = [
        one.request_id for one in clerk.received if not isinstance(one.message, wire.Success | wire.Failure)
    ]
    assert len(own) == len(set(own)) > 20
    assert all(request_id < 0 for request_id in own)


# -- what a client can make the relay keep


async def test_nothing_is_read_from_a_client_that_does_not_read_its_answers() -> None:
    _, connection = deaf_connection(SESSION)
    cancel = wire.encode_envelope(1, wire.SubscriptionCancelRequest(b""))
    received = 0
    while connection.may_receive:
        connection.receive(cancel)
        received += 1
    assert connection.outbox.size_bytes < CONNECTION.outbox.answer_bytes + 200
    waiting = asyncio.create_task(connection.backpressure.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    frame = await connection.next_frame()
    assert frame is not None
    connection.sent([frame])
    await asyncio.wait_for(waiting, TIMEOUT_S)
    connection.lost()


async def test_nothing_is_read_from_a_client_with_much_that_is_not_answered_yet(house: House) -> None:
    line = await house.line(await house.enrol())
    line.nonce = 0
    await line.write(*(listing(number) for number in range(1, 41)))
    large = [line.seal(*images(1, 36, 50_000)) for _ in range(6)]
    async with house.disk_held():
        answers = []
        for sealed in large:
            if line.connection.may_receive:
                answers.append(await line.start(wire.PatchSetWriteRequest(sealed)))
        assert len(answers) == -(-CONNECTION.unanswered_bytes // len(large[0]))
        waiting = asyncio.create_task(line.connection.backpressure.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, TIMEOUT_S)
    for answer in answers:
        await line.read_until(answer.done)
        assert len(payload(answer.result())) == 32


async def test_the_end_lets_whoever_waits_go() -> None:
    host, connection = deaf_connection(SESSION)
    await leave_much_unanswered(host, connection)
    waiting = [
        asyncio.create_task(connection.backpressure.wait()),
        asyncio.create_task(connection.next_frame()),
    ]
    await asyncio.sleep(0)
    connection.close(1001, "the relay stops")
    await asyncio.wait_for(asyncio.gather(*waiting), TIMEOUT_S)
    assert connection.may_receive


async def test_everything_that_a_session_holds_counts_and_is_given_back(house: House) -> None:
    line = await house.line(await house.enrol())
    account = line.connection.account
    await until(lambda: account.size_bytes == 0)
    wanted = wire.Filter(ObjectType.TAG, b"x" * 500)
    subscription_id = await line.subscribe(0, wanted)
    await line.quiet()
    await until(lambda: account.size_bytes == SUBSCRIPTION_BYTES + FILTER_BYTES + 2 * 500)
    subscribed = account.size_bytes
    async with house.disk_held():
        answer = await line.start_write(listing(1))
        written = account.size_bytes - subscribed
        assert written > 2 * line.connection.backpressure.unanswered_bytes > 0
        asked = await line.start(VISIT)
        assert account.size_bytes - subscribed - written > SUBSCRIPTION_BYTES
        await line.read_until(asked.done)
    line.acknowledges = False
    await line.read_until(answer.done)
    await line.cancel(subscription_id)
    await line.read_until(lambda: len(line.unacknowledged) == 2)
    await line.quiet()
    await until(lambda: account.size_bytes == SUBSCRIPTION_BYTES + 2 * ENTRY_BYTES)
    await line.acknowledge()
    await line.cancel(payload(asked.result()))
    assert account.size_bytes == 0
    assert house.relay.memory.size_bytes == 0


async def test_whatever_is_under_way_when_a_session_ends_is_given_back(house: House) -> None:
    line = await house.line(await house.enrol())
    async with house.disk_held():
        await line.subscribe()
        await line.start_write(listing(1))
        await line.start(VISIT)
        line.connection.lost()
        assert house.relay.memory.size_bytes == 0
        assert line.connection.account.size_bytes > 0
    await until(lambda: line.connection.account.size_bytes == 0)
    assert house.relay.memory.closing_bytes == 0


async def test_beyond_the_budget_the_session_that_holds_most_is_closed_and_the_clerk_goes_on(
    tmp_path: Path,
) -> None:
    async with running_relay(tmp_path, relay_limits(session_memory_bytes=200_000)) as house:
        clerk = await house.line(await house.enrol())
        await clerk.write(*(listing(number) for number in range(1, 100)))
        # More than each of the others holds in the end, but it counts for a quarter.
        await clerk.subscribe()
        await until(lambda: clerk.connection.account.size_bytes > 30_000)
        visitors = [await house.line() for _ in range(10)]
        while not any(line.connection.hang_up for line in visitors):
            for line in visitors:
                await line.start(wire.PingRequest())
            await asyncio.sleep(0)
        ends = [line.connection.hang_up for line in visitors if line.connection.hang_up]
        assert {end.code for end in ends} == {1013}
        assert all("try again later" in end.reason for end in ends)
        assert clerk.connection.hang_up is None
        held = clerk.connection.account.size_bytes
        assert all(line.connection.account.size_bytes < held for line in visitors)
        assert house.relay.memory.size_bytes <= 200_000
        await clerk.write(listing(1000))


# -- keep-alive


class Deaf:
    """A relay that never answers its connection, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.released = 0
        self.key = new_key()
        self.writes: list[WriteRequest] = []
        self.live_cards: LiveCards[Connection] = LiveCards()

    async def find_card(self, public_key: bytes) -> KeyCard | None:
        if public_key == self.key.public_key:
            return KeyCard(1, public_key, 1, bytes(20), False, 0, False)
        raise StoreUnavailable("I/O error")

    def release(self, connection: Connection) -> None:
        self.released += 1

    def write(self, request: WriteRequest) -> None:
        self.writes.append(request)

    def name_upload_url(self, card: KeyCard) -> str:
        raise invalid("none today")

    def write_settled(self, card: KeyCard, outcome: Outcome) -> None:
        pass

    def session_ended(self, hang_up: HangUp) -> None:
        pass

    async def subscribe(self, effect: Subscribe, connection: Connection) -> Subscription:
        raise ZeroDivisionError


def deaf_connection(limits: SessionLimits) -> tuple[Deaf, Connection]:
    host = Deaf()
    connection = replace(CONNECTION, session=limits)
    return host, Connection(host, connection, MemoryBudget(2**27), clock=lambda: host.now, meters=Meters())


async def leave_much_unanswered(host: Deaf, connection: Connection) -> None:
    """Sign in, then write until nothing more is read."""
    line = Line(host.key, connection=connection)
    await line.authenticate()
    while connection.may_receive:
        await line.start(wire.PatchSetWriteRequest(bytes(2**20)))
    assert connection.backpressure.unanswered_bytes == CONNECTION.unanswered_bytes


async def test_a_silent_client_is_pinged_and_closed(tmp_path: Path) -> None:
    limits = relay_limits(ping_interval_s=0.1, kick_timeout_s=0.6)
    async with running_relay(tmp_path, limits) as house:
        await house.enrol()
        visitor = await house.visitor()
        # It answers its pings, and stays.
        await until(lambda: visitor.pings >= 10)
        line = await house.line()
        pings = 0
        while (frame := await asyncio.wait_for(line.connection.next_frame(), TIMEOUT_S)) is not None:
            line.connection.sent([frame])
            assert isinstance(wire.decode_envelope(frame).message, wire.PingRequest)
            pings += 1
        assert pings >= 1
        assert line.connection.hang_up is not None
        assert line.connection.hang_up.code == 1008
        await visitor.subscribe()


# -- how it ends


@pytest.mark.parametrize(
    "end", [Connection.lost, lambda connection: connection.close(1001, "the relay stops")]
)
async def test_an_end_stops_everything(house: House, end: Callable[[Connection], None]) -> None:
    clerk = await house.clerk()
    line = await house.line(await house.enrol())
    await line.subscribe()
    started = await line.start(VISIT)
    writing = await line.start_write(listing(1))
    connection = line.connection
    end(connection)
    end(connection)
    assert not len(connection.subscriptions)
    assert not connection.keep_alive.is_running
    await clerk.write(listing(2))
    connection.outbox.drop()
    await until(lambda: connection.account.size_bytes == 0)
    assert not started.done()
    assert not writing.done()
    connection.receive(wire.encode_envelope(1, VISIT))
    connection.receive_text()
    connection.unlink()
    assert house.relay.session_count == 1


async def test_what_was_answered_before_the_end_still_leaves(house: House) -> None:
    line = await house.line()
    first = await line.start(wire.PingRequest())
    line.connection.receive(b"garbage")
    await line.read_until(first.done)
    assert await line.connection.next_frame() is None
    assert line.connection.hang_up is not None
    assert line.connection.hang_up.code in (1002, 1008)


async def test_a_store_that_fails_refuses_the_request() -> None:
    _, connection = deaf_connection(SESSION)
    connection.receive(wire.encode_envelope(1, wire.AuthenticateRequest(new_key().public_key)))
    frame = await asyncio.wait_for(connection.next_frame(), TIMEOUT_S)
    assert frame is not None
    answer = wire.decode_envelope(frame).message
    assert isinstance(answer, wire.Failure)
    assert (answer.code, answer.message) == (Code.INVALID, UNREADABLE)
    connection.lost()


async def test_a_bug_refuses_the_request_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    _, connection = deaf_connection(SESSION)
    connection.receive(wire.encode_envelope(1, VISIT))
    frame = await asyncio.wait_for(connection.next_frame(), TIMEOUT_S)
    assert frame is not None
    answer = wire.decode_envelope(frame).message
    assert isinstance(answer, wire.Failure)
    assert (answer.code, bool(answer.message)) == (Code.INVALID, True)
    assert "ZeroDivisionError" in caplog.text
    assert connection.hang_up is None
    connection.lost()


async def test_an_outcome_that_comes_after_the_end_is_dropped(house: House) -> None:
    line = await house.line(await house.enrol())
    async with house.disk_held():
        await line.start_write(listing(1))
        await line.start_write(listing(1))
        line.connection.lost()
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    await hosted.sequencer.wait_idle()
    assert not line.connection.outbox.frames
    assert line.connection.backpressure.unanswered_bytes == 0


async def test_fail_closes_with_an_internal_error() -> None:
    host, connection = deaf_connection(SESSION)
    connection.fail("the log cannot be read")
    assert connection.hang_up is not None
    assert (connection.hang_up.code, connection.hang_up.reason) == (1011, "the log cannot be read")
    assert host.released == 1
