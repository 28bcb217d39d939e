"""`minirelay payments`."""

import csv
import io
import json
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from minirelay.cli.main import run
from minirelay.cli.payments import STATES
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.issued_requests import RequestState
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.decimals_rows import DecimalsRows
from minirelay.store.payment_rows import PaymentRows
from tests.cli.commands import assert_one_line, minirelay
from tests.shop.issued import CHAIN, issued
from tests.shop.patching import TOKEN
from tests.store.conftest import connect
from tests.store.examples import beginning
from tests.store.test_checkout_rows import outcome, put
from tests.store.test_payment_rows import EVENT

AMOUNT = 2_000_000_000_000_000


@pytest.fixture
def data(tmp_path: Path) -> str:
    """A waiting request in tokens, one that came late, a paid one in coins, one that expired."""
    with closing(connect(tmp_path)) as db:
        store_rows(db, rows_of([*beginning(), DecimalsRows((CHAIN, TOKEN), 2, None, 1)]).statements())
        rows = [
            issued(1, amount=1250),
            issued(2, amount=300),
            issued(3, 2**63, currency=NATIVE_COIN, amount=AMOUNT),
            issued(4),
        ]
        put(db, outcome(new=rows))
        put(db, outcome(replace(rows[1], state=RequestState.LATE, received=301)))
        put(db, outcome(replace(rows[2], state=RequestState.PAID, received=AMOUNT)))
        put(db, outcome(replace(rows[3], state=RequestState.EXPIRED)))
        seen = replace(EVENT, request_id=rows[1].id, amount=301)
        store_rows(db, rows_of([PaymentRows(shop=1, transfers=(seen,))]).statements())
    return str(tmp_path)


def test_what_is_open_or_needs_a_person_is_listed(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["payments", "--data-dir", data]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["state", "late", "waiting"]
    assert "3" in lines[1].split()
    assert "3.01" in lines[1].split()
    assert "12.5" in lines[2].split()
    assert max(map(len, lines)) <= 80


def test_all_are_listed_when_asked_for(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["payments", "--all", "--data-dir", data]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["expired", "paid", "late", "waiting"]
    assert "0.002" in lines[1].split()
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("columns", "is_exact"), [("80", False), ("120", True)])
def test_long_amounts_are_cut_only_where_the_terminal_is_narrow(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: str,
    is_exact: bool,
) -> None:
    amount = 128_613_333_333_333_334
    with closing(connect(tmp_path)) as db:
        store_rows(db, rows_of(beginning()).statements())
        asked = issued(1, 2**64 - 1, currency=NATIVE_COIN, amount=amount)
        put(db, outcome(new=[asked]))
        put(db, outcome(replace(asked, state=RequestState.SUPERSEDED, received=amount - 1)))
    monkeypatch.setenv("COLUMNS", columns)
    assert run(["payments", "--data-dir", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert ("0.128613333333333333" in lines[1].split()) is is_exact
    assert any("--json" in line for line in lines) is not is_exact


@pytest.mark.parametrize(
    ("flags", "states"),
    [
        (["--state", "paid"], ["paid"]),
        (["--state", "paid", "--state", "late"], ["paid", "late"]),
        (["--order", "5"], ["expired", "late", "waiting"]),
        (["--order", "0x8000000000000000"], ["paid"]),
        (["--order", "77"], []),
    ],
)
def test_only_what_is_wanted_is_listed(
    data: str, capsys: pytest.CaptureFixture[str], flags: list[str], states: list[str]
) -> None:
    assert run(["payments", "--json", *flags, "--data-dir", data]) == 0
    assert [one["state"] for one in json.loads(capsys.readouterr().out)] == states


def test_an_order_is_named_by_its_first_digits_or_as_the_list_shortens_it(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for named in (str(2**63), "0x8000000000000000", "9223372", "9223…5808"):
        assert run(["payments", "--order", named, "--json", "--data-dir", data]) == 0
        assert {one["order"] for one in json.loads(capsys.readouterr().out)} == {str(2**63)}
    assert run(["payments", "--order", "9223…1111", "--data-dir", data]) == 0
    assert capsys.readouterr().out == "no such payment\n"


def test_first_digits_of_several_orders_name_none_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = ["--data-dir", str(tmp_path)]
    with closing(connect(tmp_path)) as db:
        store_rows(db, rows_of(beginning()).statements())
        put(db, outcome(new=[issued(1, 12345), issued(2, 12399), issued(3, 12)]))
    assert run(["payments", "--order", "123", *directory]) == 2
    assert "the ids of 2 orders begin like this; give more digits" in capsys.readouterr().err
    # A whole id is that order, whichever others begin like it.
    assert run(["payments", "--order", "12", "--json", *directory]) == 0
    assert [one["order"] for one in json.loads(capsys.readouterr().out)] == ["12"]
    assert run(["payments", "--order", "1234", "--json", *directory]) == 0
    assert [one["order"] for one in json.loads(capsys.readouterr().out)] == ["12345"]


def test_scripts_get_all_that_was_observed_to_the_last_digit(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["payments", "--json", "--state", "late", "--data-dir", data])
    (late,) = json.loads(capsys.readouterr().out)
    assert (late["asked"], late["received"], late["received_shown"], late["decimals"]) == (
        "300",
        "301",
        "3.01",
        2,
    )
    assert late["request"] == f"0x{issued(2).id.hex()}"
    (seen,) = late["observed"]
    assert (seen["kind"], seen["amount"], seen["block"]) == ("event", "301", 7)
    assert seen["transaction"] == f"0x{EVENT.transaction_hash.hex()}"


def test_spreadsheets_get_rows(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["payments", "--csv", "--data-dir", data])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["state"] for row in rows] == ["expired", "paid", "late", "waiting"]
    assert rows[1]["asked"] == str(AMOUNT)


def test_nothing_to_see_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    connect(tmp_path).close()
    assert run(["payments", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "nothing to see to\n"


def test_mistakes_are_one_line(data: str) -> None:
    assert_one_line(minirelay("payments", "--order", "abc", DATA_DIR=data), 2, "abc", "order")
    assert_one_line(minirelay("payments", "--shop", "77", DATA_DIR=data), 2, "shop 77")


def test_every_state_can_be_asked_for() -> None:
    assert set(STATES) == {state.value for state in RequestState}


def test_help_fits_the_terminal() -> None:
    lines = minirelay("payments", "--help", COLUMNS="80").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(state in "".join(lines) for state in STATES)
