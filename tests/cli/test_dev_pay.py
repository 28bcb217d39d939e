"""`minirelay dev-pay` and `dev-chain` beside a running `minirelay dev`, as a developer types them."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.demo_orders import UNPAID_ORDER
from tests.cli.commands import Outcome, assert_one_line, minirelay
from tests.system.programs import Program, minirelay_dev


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with minirelay_dev() as running:
        yield running


@pytest.fixture
def w3(program: Program) -> Web3:
    return Web3(Web3.HTTPProvider(program.ready["rpc_url"]))


def dev_pay(program: Program, *arguments: str) -> Outcome:
    return minirelay("dev-pay", *arguments, "--relay", program.ready["base_url"])


def balance(w3: Web3, program: Program, holder: str) -> int:
    token = Web3.to_checksum_address(program.ready["contracts"]["Eddies"])
    data = "0x70a08231" + bytes(12).hex() + holder[2:]
    return int.from_bytes(w3.eth.call({"to": token, "data": data}))  # type: ignore[typeddict-item]


def paid_to(outcome: Outcome) -> str:
    assert outcome.code == 0, outcome.err
    return outcome.out.splitlines()[2].split()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["77"], 2, "order 77 waits for no payment: it is paid, or none was chosen"),
        (["--shop", "5"], 2, "no order in shop 5 waits"),
        (["--shop", "x"], 2, "x"),
        (["--part", "20", "--over", "3"], 2, "exclude each other"),
        (["--how", "contract", "--part", "5%"], 2, "in the way `address`"),
        (["--how", "wallet", "--late"], 2, "in the way `address`"),
        (["--part", "0"], 2, "above 0"),
        (["--part", "nan"], 2, "no percentage"),
        (["--over", "1/0"], 2, "no percentage"),
        (["--part", "0.000001"], 2, "is nothing"),
    ],
)
def test_what_can_not_be_is_said_on_one_line(
    program: Program, arguments: list[str], code: int, words: str
) -> None:
    outcome = dev_pay(program, *arguments)
    assert_one_line(Outcome(outcome.code, "", outcome.err), code, words)


def wait_for(w3: Web3, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        w3.eth.get_block("latest")


def test_late_payment_comes_after_the_time_and_parts_before(program: Program, w3: Web3) -> None:
    first = dev_pay(program, "--part", "50%")
    asked, paid, to = first.out.splitlines()
    assert asked.startswith(f"order {UNPAID_ORDER} asks for ")
    assert asked.endswith(" EDD (waiting)")
    assert paid.startswith("paid ")
    assert to.startswith("  to 0x")
    part, before = balance(w3, program, paid_to(first)), w3.eth.get_block("latest")["timestamp"]
    late = dev_pay(program, str(UNPAID_ORDER), "--late", "--over", "10%")
    assert "the chain's clock is now past 20" in late.out
    assert w3.eth.get_block("latest")["timestamp"] > before + 80_000
    assert balance(w3, program, to.split()[-1]) > 3 * part


def test_late_payment_is_late_however_seldom_the_relay_looks(tmp_path: Path) -> None:
    with minirelay_dev("--data", str(tmp_path), "--poll-interval", "2s") as program:
        w3 = Web3(Web3.HTTPProvider(program.ready["rpc_url"]))
        assert dev_pay(program, "--late").code == 0

        def is_decided() -> bool:
            listed = minirelay("payments", "--json", "--data-dir", str(tmp_path))
            (one,) = json.loads(listed.out)
            assert one["state"] in ("expired", "late")
            return bool(one["state"] == "late")

        wait_for(w3, is_decided)


def test_paid_order_is_paid_no_more(tmp_path: Path) -> None:
    with minirelay_dev() as program:
        assert paid_to(dev_pay(program, "--how", "contract")) == program.ready["contracts"]["Payments"]

        def is_paid() -> bool:
            again = dev_pay(program)
            return again.code == 2 and "no order waits for a payment" in again.err

        wait_for(Web3(Web3.HTTPProvider(program.ready["rpc_url"])), is_paid)


def test_behind_a_part_the_rest_is_paid_and_when_nothing_waits_it_is_said_how_to_get_an_order() -> None:
    with minirelay_dev() as program:
        assert dev_pay(program, "--part", "50%").code == 0
        rest = dev_pay(program)
        assert rest.code == 0, rest.err
        total = rest.out.split(" asks for ")[1].split(" ")[0]
        paid = rest.out.split("paid ")[1].split(" ")[0]
        assert float(paid) == pytest.approx(float(total) / 2, abs=0.01)

        def is_paid() -> bool:
            again = dev_pay(program)
            return again.code == 2 and "start `minirelay dev` anew without --data" in again.err

        wait_for(Web3(Web3.HTTPProvider(program.ready["rpc_url"])), is_paid)


def test_without_one_that_runs_nothing_is_paid(tmp_path: Path) -> None:
    assert_one_line(minirelay("dev-pay", "--relay", "http://localhost:1"), 2, "no `minirelay dev`")
