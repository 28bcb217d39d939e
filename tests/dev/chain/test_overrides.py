import pytest

from tests.dev.chain.asking import ALICE, BOB, STORE, Asker, store

NOBODY = "0x" + "99" * 20
# Returns the caller's balance; returns slot 1.
BALANCE = "0x33315f5260205ff3"
SLOT_1 = "0x6001545f5260205ff3"


def word(value: int) -> str:
    return f"0x{value:064x}"


@pytest.mark.parametrize("form", ["state", "stateDiff"])
def test_storage(ask: Asker, form: str) -> None:
    contract = ask.deploy(STORE)
    ask.pay(to=contract, data=store(7), value="0x0")
    other = {contract: {form: {word(5): word(1)}}}
    assert ask.number("eth_call", {"to": contract}, "latest", other) == (0 if form == "state" else 7)
    assert ask.number("eth_call", {"to": contract}, "latest", {contract: {form: {word(0): word(9)}}}) == 9
    assert ask.number("eth_call", {"to": contract}) == 7, "nothing of it is kept"


def test_balance_and_code_and_nonce(ask: Asker) -> None:
    overrides = {NOBODY: {"balance": "0x64", "nonce": "0x5"}, BOB.address: {"code": BALANCE}}
    assert ask.number("eth_call", {"from": NOBODY, "to": BOB.address}, "latest", overrides) == 100
    assert ask("eth_getCode", BOB.address) == "0x"
    assert ask("eth_getBalance", NOBODY) == "0x0"


def test_gas_is_estimated_with_them(ask: Asker) -> None:
    request = {"from": NOBODY, "to": BOB.address, "value": "0x1"}
    assert ask.error("eth_estimateGas", request)[1] == "insufficient funds for transfer"
    assert ask.number("eth_estimateGas", request, "latest", {NOBODY: {"balance": "0x1"}}) == 21_000


@pytest.mark.parametrize(
    "overrides",
    [
        5,
        {"0x12": {}},
        {ALICE.address: 5},
        {ALICE.address: {"balance": "many"}},
        {ALICE.address: {"nonce": hex(2**64 - 1)}},
        {ALICE.address: {"movePrecompileToAddress": NOBODY}},
        {ALICE.address: {"state": {}, "stateDiff": {}}},
        {ALICE.address: {"state": {"0x0": word(1)}}},
        {f"0x{number:040x}": {} for number in range(1001)},
    ],
)
def test_malformed_ones_are_named(ask: Asker, overrides: object) -> None:
    assert ask.error("eth_call", {"to": BOB.address}, "latest", overrides)[0] == -32602
