"""The operator's alerts over HTTP."""

from aiohttp.test_utils import TestClient

from tests.operations.alerts_raised import raise_alert
from tests.relay.house import House


async def test_an_acknowledged_alert_is_the_answer(house: House, operator: TestClient) -> None:  # type: ignore[type-arg]
    await raise_alert(house.store, 1)
    async with operator.post("/v1/alerts/1/acknowledge") as answer:
        assert answer.status == 200
        alert = await answer.json()
    assert (alert["id"], alert["kind"]) == (1, "late")
    assert alert["acknowledged_at"] is not None


async def test_what_was_seen_to_is_listed_only_when_asked_for(house: House, operator: TestClient) -> None:  # type: ignore[type-arg]
    await raise_alert(house.store, 1)
    await raise_alert(house.store, 2)
    async with operator.post("/v1/alerts/1/acknowledge") as answer:
        assert answer.status == 200
    for query, ids in (("", [2]), ("?all=0", [2]), ("?all=1", [2, 1])):
        async with operator.get(f"/v1/alerts{query}") as answer:
            found = await answer.json()
        assert [one["id"] for one in found["alerts"]] == ids
        assert found["total"] == len(ids)
