"""No failure of what the operator asked for is more than a line of JSON."""

import pytest
from aiohttp.test_utils import TestClient

from minirelay.blobs.cid import write_cid
from minirelay.operations.operator import Operator
from minirelay.store.database import Store
from tests.operations.alerts_raised import raise_alert
from tests.relay.house import House


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
