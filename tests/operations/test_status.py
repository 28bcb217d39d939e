"""How a relay is at the moment."""

from pathlib import Path
from typing import cast

from minirelay.chain.chain import Chain
from minirelay.operations.alert_advice import ADVICE
from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.status import Status
from minirelay.operations.totals import KnownTotals
from minirelay.payments.polling import Polling
from tests.operations.alerts_raised import raise_alert
from tests.operations.collectors.test_chains import Endpoints, Statuses
from tests.relay.house import House, listing


def status_of(house: House, tmp_path: Path, problems: list[str]) -> Status:
    return Status(
        house.relay,
        DiskGuard(tmp_path, 7),
        KnownTotals(house.store.reader, 5),
        cast(Polling, Statuses()),
        [cast(Chain, Endpoints())],
        lambda: problems,
    )


async def test_all_is_well_while_nothing_is_wrong(house: House, tmp_path: Path) -> None:
    clerk = await house.clerk()
    await clerk.subscribe()
    await clerk.write(listing(1))
    found = await status_of(house, tmp_path, []).document()
    assert found["is_well"]
    assert found["sessions"] == {"visitor": 0, "guest": 0, "clerk": 1, "subscriptions": 1}
    assert found["since_start"]["writes"] == 1
    assert found["since_start"]["ack_ms"]["p95"] > 0
    assert found["shops"] == 1
    assert found["storage"]["database_bytes"] > 0
    assert [one["chain"] for one in found["chains"]] == [1, 5]
    assert found["chains"][0]["endpoints"][1] == {
        "name": "two",
        "is_up": False,
        "reason": "it hangs",
        "rest_s": 12,
    }


async def test_a_problem_or_an_alert_is_not_well(house: House, tmp_path: Path) -> None:
    found = await status_of(house, tmp_path, ["the disk is nearly full"]).document()
    assert (found["is_well"], found["problems"]) == (False, ["the disk is nearly full"])
    await house.enrol()
    await raise_alert(house.store, 1)
    await raise_alert(house.store, 2, is_urgent=True)
    found = await status_of(house, tmp_path, []).document()
    assert not found["is_well"]
    assert found["alerts"] == {
        "unacknowledged": 2,
        "urgent": 1,
        "by_kind": {"late": 2},
        "advice": {"late": ADVICE["late"]},
    }


async def test_without_the_database_the_rest_is_still_told(house: House, tmp_path: Path) -> None:
    await house.store.close()
    found = await status_of(house, tmp_path, []).document()
    assert found["shops"] is None
    assert found["memory"]["resident_bytes"] > 0
