"""What clients do is counted where it is done."""

import pytest

from minirelay.operations.collectors.traffic import KINDS, TrafficCollector
from minirelay.protocol import envelope as wire
from tests.operations.collectors.samples import samples
from tests.raw_client import Refused, SessionEnded
from tests.relay.house import House, listing, until


async def test_sessions_are_counted_by_role(house: House) -> None:
    await house.clerk()
    await house.clerk()
    await house.guest()
    await house.visitor()
    found = await samples(TrafficCollector(house.relay))
    assert found["minirelay_sessions{clerk}"] == 2
    assert found["minirelay_sessions{guest}"] == 1
    assert found["minirelay_sessions{visitor}"] == 1


async def test_messages_are_counted_by_kind_in_and_out(house: House) -> None:
    clerk = await house.clerk()
    before = await samples(TrafficCollector(house.relay))
    assert before["minirelay_messages_received_total{authenticate}"] == 1
    assert before["minirelay_messages_received_total{challenge_solved}"] == 1
    assert before["minirelay_messages_sent_total{answer}"] == 2
    await clerk.subscribe()
    await clerk.write(listing(1))
    await clerk.next_push()
    await clerk.next_push()
    with pytest.raises(Refused):
        await clerk.write(listing(1))
    found = await samples(TrafficCollector(house.relay))
    assert found["minirelay_messages_received_total{write}"] == 2
    assert found["minirelay_messages_received_total{subscribe}"] == 1
    assert found["minirelay_messages_sent_total{answer}"] == 4
    assert found["minirelay_messages_sent_total{error}"] == 1
    assert found["minirelay_messages_sent_total{push}"] == 2
    assert found["minirelay_messages_sent_total{sync_status}"] >= 1


async def test_writes_are_counted_by_outcome_and_timed(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(listing(1))
    await clerk.write(listing(2))
    with pytest.raises(Refused):
        await clerk.write(listing(1))
    found = await samples(TrafficCollector(house.relay))
    assert found["minirelay_writes_total{accepted}"] == 2
    assert sum(value for name, value in found.items() if name.startswith("minirelay_writes_total")) == 3
    assert found["minirelay_ack_seconds_count"] == 3


async def test_a_round_of_pushes_is_timed_once_however_many_follow(house: House) -> None:
    writer = await house.clerk()
    for _ in range(3):
        follower = await house.clerk()
        await follower.subscribe(await house.durable_seq())
    collector = TrafficCollector(house.relay)
    before = (await samples(collector))["minirelay_push_seconds_count"]
    await writer.write(listing(1))
    await until(lambda: house.relay.meters.push.count > before)
    found = await samples(collector)
    assert found["minirelay_push_seconds_count"] == before + 1
    assert found["minirelay_subscriptions"] == 3
    assert found["minirelay_subscriptions_reading"] == 0


async def test_sessions_that_the_relay_ended_are_counted_by_code(house: House) -> None:
    visitor = await house.visitor()
    await visitor.send(b"\xff" * 9)
    with pytest.raises(SessionEnded):
        await visitor.ask(wire.AuthenticateRequest(bytes(33)))
    found = await samples(TrafficCollector(house.relay))
    assert found["minirelay_messages_received_total{violation}"] == 1
    assert sum(value for name, value in found.items() if "sessions_ended" in name) == 1


def test_every_message_that_clients_may_send_has_its_kind() -> None:
    requests = {one for name, one in vars(wire).items() if name.endswith("Request") and isinstance(one, type)}
    ours = {wire.PingRequest, wire.SyncStatusRequest, wire.SubscriptionPushRequest}
    assert requests - ours <= set(KINDS)
