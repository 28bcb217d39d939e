"""The operator's API: what it answers, and that no error is more than a line of JSON."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from minirelay.blobs.cid import write_cid
from minirelay.blobs.library import BlobLibrary
from minirelay.operations.operator import Operator
from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.operations.sweeps import Sweeps
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.settlement import SettlementTerms
from minirelay.relay.clock import utc_now
from minirelay.store.database import Store
from minirelay.web.admin_api import create_admin_app
from tests.limits import WRITES
from tests.operations.alerts_raised import raise_alert
from tests.relay.house import House, running_relay


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_relay(tmp_path) as house:
        await house.enrol()
        yield house


@pytest.fixture
async def operator(house: House) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    terms = SettlementTerms(WRITES.checkout)
    payments = PaymentDecisions(house.store.reader, PaymentWatches([]), terms, utc_now)
    async with BlobLibrary.opened(house.store, shop_bytes=2**20, now=utc_now) as blobs:
        app = create_admin_app(
            Operator(house.store, blobs, utc_now), payments, Sweeps(house.store.reader, {})
        )
        async with TestClient(TestServer(app)) as client:
            yield client


async def test_an_acknowledged_alert_is_the_answer(house: House, operator: TestClient) -> None:  # type: ignore[type-arg]
    await raise_alert(house.store, 1)
    async with operator.post("/v1/alerts/1/acknowledge") as answer:
        assert answer.status == 200
        alert = await answer.json()
    assert (alert["id"], alert["kind"]) == (1, "late")
    assert alert["acknowledged_at"] is not None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/alerts/2/acknowledge", 404),
        ("POST", "/v1/alerts/9999999999999999999/acknowledge", 404),
        ("POST", "/v1/alerts/x/acknowledge", 404),
        ("GET", "/v1/alerts/1/acknowledge", 405),
        ("POST", f"/v1/blobs/{write_cid(bytes(32))}/remove", 404),
        ("POST", "/v1/blobs/Qm/remove", 400),
        ("GET", f"/v1/blobs/{write_cid(bytes(32))}/remove", 405),
        ("POST", "/v1/blobs/../remove", 404),
        ("POST", "/", 404),
        ("POST", "/v1/payments/0x12345/accept", 404),
        ("POST", "/v1/payments/123/dismiss", 404),
        ("POST", "/v1/payments/0x12345/spend", 404),
        ("POST", "/v1/payments/0x12345/sweep", 404),
        ("GET", "/v1/payments/unswept", 405),
    ],
)
async def test_what_cannot_be_done_is_said_in_json(
    operator: TestClient,  # type: ignore[type-arg]
    method: str,
    path: str,
    status: int,
) -> None:
    async with operator.request(method, path) as answer:
        assert answer.status == status
        found = await answer.json()
    assert list(found) == ["error"]
    assert found["error"]


async def test_a_database_that_fails_is_said_to(house: House, operator: TestClient) -> None:  # type: ignore[type-arg]
    await raise_alert(house.store, 1)
    await house.store.writer.close()
    async with operator.post("/v1/alerts/1/acknowledge") as answer:
        assert answer.status == 503
        assert "could not be stored" in (await answer.json())["error"]


async def test_a_bug_is_told_to_the_log_alone(
    house: House,
    operator: TestClient,  # type: ignore[type-arg]
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_store: Store) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Operator, "acknowledge", broken)
    async with operator.post("/v1/alerts/1/acknowledge") as answer:
        assert answer.status == 500
        assert "secret" not in await answer.text()
    assert "a command failed" in caplog.text
