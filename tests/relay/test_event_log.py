import logging
from pathlib import Path
from typing import Any

import pytest

from minirelay.errors import invalid, not_found
from minirelay.relay.event_log import MOST_TOLD, EventLog, payment_fields, tell_issued, tells_writes
from minirelay.relay.messages import HangUp
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.payment_request import PaymentRequest
from tests.relay.house import listing, order, running_relay, until

SHOP = 10**70 + 7


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    known = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
    return [
        (one.getMessage(), {name: value for name, value in vars(one).items() if name not in known})
        for one in caplog.records
        if one.name == "minirelay.relay.event_log"
    ]


async def test_refused_writes_are_counted_by_kind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "minirelay")
    assert not tells_writes()
    log = EventLog(summary_s=0.01)
    for _ in range(1000):
        log.write_settled(SHOP, invalid("no"))
    log.write_settled(SHOP, not_found("where?"))
    log.write_settled(SHOP, bytes(32))
    assert events(caplog) == []
    await until(lambda: bool(events(caplog)))
    assert events(caplog) == [("writes were refused", {"INVALID": 1000, "NOT_FOUND": 1})]
    log.tell_refused()
    assert len(events(caplog)) == 1


async def test_at_the_end_what_was_counted_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "minirelay")
    log = EventLog()
    log.write_settled(SHOP, invalid("no"))
    log.tell_refused()
    assert events(caplog) == [("writes were refused", {"INVALID": 1})]


async def test_looking_closely_each_write_is_told_with_its_shop(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "minirelay")
    log = EventLog()
    assert tells_writes()
    log.write_settled(SHOP, bytes(32))
    log.write_settled(SHOP, invalid("no such thing"))
    log.tell_refused()
    assert events(caplog)[:2] == [
        ("a write was accepted", {"shop": str(SHOP)}),
        ("a write was refused", {"shop": str(SHOP), "code": "INVALID", "reason": "no such thing"}),
    ]


def issued(state: RequestState, number: int = 7, received: int = 0) -> IssuedRequest:
    request = PaymentRequest(
        chain_id=31337, ttl=5, currency=bytes(20), amount=300, payee=b"\x11" * 20, shop_id=SHOP
    )
    return IssuedRequest(
        id=number.to_bytes(32),
        order_id=number.to_bytes(8),
        card=1,
        request=request,
        pricing=(31337, bytes(20)),
        price=300,
        region="",
        listing_hashes=(),
        issued_at=1,
        issued_at_block=1,
        state=state,
        received=received,
    )


def told(caplog: pytest.LogCaptureFixture, *requests: IssuedRequest) -> list[tuple[str, dict[str, Any]]]:
    caplog.clear()
    by_id = {one.id: one for one in requests}
    tell_issued(SHOP, RecordChanges(requests=by_id, issued=frozenset(by_id)))
    return events(caplog)


def test_looking_closely_each_order_is_told_that_is_to_be_paid(caplog: pytest.LogCaptureFixture) -> None:
    fields = {
        "order": 7,
        "total": 300,
        "currency": "0x" + "0" * 40,
        "chain": 31337,
        "shop": str(SHOP),
        "payment": "0x" + (7).to_bytes(32).hex(),
    }
    caplog.set_level(logging.DEBUG, "minirelay")
    assert told(caplog, issued(RequestState.WAITING)) == [("an order is to be paid", fields)]
    assert payment_fields(SHOP, issued(RequestState.SHORT, received=20)) == fields | {"received": 20}
    caplog.set_level(logging.INFO, "minirelay")
    assert told(caplog, issued(RequestState.WAITING)) == []


def test_payments_that_only_changed_are_not_told_as_new(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "minirelay")
    tell_issued(SHOP, RecordChanges(requests={bytes(32): issued(RequestState.WITHDRAWN)}))
    assert events(caplog) == []


def test_of_very_many_orders_some_are_told_and_the_rest_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "minirelay")
    lines = told(caplog, *(issued(RequestState.WAITING, number) for number in range(100)))
    assert len(lines) == MOST_TOLD + 1
    assert lines[-1] == ("more orders are to be paid", {"count": 100 - MOST_TOLD})


@pytest.mark.parametrize(("code", "is_told"), [(1000, False), (1001, False), (1002, True), (1008, True)])
async def test_only_sessions_that_end_for_a_fault_are_told(
    caplog: pytest.LogCaptureFixture, code: int, is_told: bool
) -> None:
    caplog.set_level(logging.INFO, "minirelay")
    EventLog().session_ended(HangUp(code, "because"))
    assert events(caplog) == (
        [("a session was ended", {"code": code, "reason": "because"})] if is_told else []
    )


async def test_a_running_relay_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "minirelay")
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        await clerk.write(listing(1))
        await clerk.send(b"no envelope")
        await clerk.end()
        guest = await house.guest()
        await guest.write(order(1))
    told = [message for message, _ in events(caplog)]
    assert told.count("a write was accepted") == 2
    assert told.count("a session was ended") == 1
