"""`minirelay alerts`: a table for people, JSON for scripts; acknowledging goes through the running relay."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.cli.main import run
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.relay.messages import Enrolment
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.operator_alerts import LOW_DISK, EndedAlert, OperatorAlert
from minirelay.store.payment_rows import PaymentRows
from tests.operations.alerts_raised import raise_alert
from tests.relay.house import new_key, running_relay
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import TOKEN
from tests.store.conftest import connect
from tests.store.examples import beginning
from tests.store.test_checkout_rows import outcome, put
from tests.system.serving import serving


def fill(directory: Path) -> None:
    async def raise_two() -> None:
        async with running_relay(directory) as house:
            await house.enrol(shop_id=2**256 - 1)
            await raise_alert(house.store, 1)
            await raise_alert(house.store, 2, is_urgent=True)

    asyncio.run(raise_two())


def alerts(directory: Path, *arguments: str) -> int:
    return run(["alerts", *arguments, "--data-dir", str(directory)])


def test_the_table_has_urgent_ones_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert alerts(tmp_path) == 0
    head, first, second, advice, further = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["id", "raised"]
    assert first.split()[:5] == ["2", "01-15", "08:00", "!", "late"]
    assert second.split()[:4] == ["1", "01-15", "08:00", "late"]
    assert advice.startswith("late: ")
    # In a pipe, prose is not folded.
    assert max(map(len, (head, first, second, further))) <= 80


def test_what_is_the_matter_is_below_the_table_and_whether_it_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def raise_and_end() -> None:
        async with running_relay(tmp_path) as house:
            alert = OperatorAlert(LOW_DISK, "10 MiB are free", 1_800_000_000, about="")
            await house.store.writer.commit(alert)
            await house.store.writer.commit(EndedAlert(alert.told_of, 1_800_000_060))

    asyncio.run(raise_and_end())
    assert alerts(tmp_path) == 0
    _, row, detail, *_ = capsys.readouterr().out.splitlines()
    assert row.split() == ["1", "01-15", "08:00", "low", "disk,", "ended"]
    assert detail == "1: 10 MiB are free"


def test_json_has_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert alerts(tmp_path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["id"], one["kind"], one["shop_id"]) for one in found] == [
        (2, "late", str(2**256 - 1)),
        (1, "late", str(2**256 - 1)),
    ]


def test_a_relay_without_alerts_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def nothing() -> None:
        async with running_relay(tmp_path):
            pass

    asyncio.run(nothing())
    assert alerts(tmp_path) == 0
    assert "no alerts" in capsys.readouterr().out
    assert alerts(tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_without_a_relay_nothing_is_acknowledged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert alerts(tmp_path, "ack", "1") == 1
    assert capsys.readouterr().err.startswith(f"minirelay: {tmp_path}: no relay runs there")
    assert alerts(tmp_path, "ack") == 2
    assert alerts(tmp_path, "ack", "0") == 2


async def test_acknowledging_goes_through_the_relay_that_runs(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path, dev_chain, deployment) as running:
        relay = running.server.relay
        await relay.admit(Enrolment(running.shop_id, b"\x01" * 20, new_key().public_key, False))
        for name in (1, 2, 3):
            await raise_alert(relay.store, name)
        assert await asyncio.to_thread(alerts, tmp_path, "ack", "1", "3") == 0
        assert "alert 3 is acknowledged: late" in capsys.readouterr().out
        # What stands before the name of the command counts, too.
        data_dir = ["--data-dir", str(tmp_path)]
        assert await asyncio.to_thread(run, ["alerts", *data_dir, "ack", "--json", "2"]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        assert found["id"] == 2
        assert await asyncio.to_thread(alerts, tmp_path, "ack", "77") == 1
        assert "there is no alert 77" in capsys.readouterr().err
    assert await asyncio.to_thread(alerts, tmp_path) == 0
    assert "no alerts" in capsys.readouterr().out
    assert await asyncio.to_thread(alerts, tmp_path, "--all") == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert ["✓ late" in line for line in lines[:3]] == [True] * 3


def test_an_alert_names_its_order_and_how_to_see_what_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(connect(tmp_path)) as db:
        store_rows(db, rows_of(beginning()).statements())
        put(db, outcome(new=[issued(1, 2**64 - 1)]))
        late = PaymentAlert(
            kind=PaymentAlertKind.LATE,
            place=(CHAIN, TOKEN),
            request_id=issued(1, 2**64 - 1).id,
            amount=5,
            told_of="late:1",
        )
        for rows in PaymentRows.of(1, [], [], [late], NOW):
            store_rows(db, rows_of([rows]).statements())
    assert alerts(tmp_path) == 0
    out = capsys.readouterr().out
    assert "order 1844…1615" in out.splitlines()[1]
    assert "minirelay payments --order" in out
    assert alerts(tmp_path, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["orders"] == [str(2**64 - 1)]
