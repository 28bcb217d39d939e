import pytest

from tests.dev.chain.asking import ALICE, BOB, GWEI, STORE, Asker, signed, store

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


def test_balance_at_any_block(ask: Asker) -> None:
    ask("eth_sendRawTransaction", signed(value=7))
    ask("eth_sendRawTransaction", signed(1, value=8))
    initial = 10_000 * 10**18
    balances = [ask.number("eth_getBalance", BOB.address, block) - initial for block in ("0x0", "0x1", "0x2")]
    assert balances == [0, 7, 15]
    assert ask.number("eth_getBalance", BOB.address) == initial + 15
    block_hash = ask("eth_getBlockByNumber", "0x1", False)["hash"]
    assert ask.number("eth_getBalance", BOB.address, {"blockHash": block_hash}) == initial + 7


def test_balance_of_the_sender_pays_the_gas(ask: Asker) -> None:
    receipt = ask("eth_getTransactionReceipt", ask("eth_sendRawTransaction", signed(value=7)))
    cost = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) + 7
    assert ask.number("eth_getBalance", ALICE.address) == 10_000 * 10**18 - cost


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", [BOB.address]),
        ("eth_getCode", [BOB.address]),
        ("eth_getTransactionCount", [BOB.address]),
        ("eth_getStorageAt", [BOB.address, "0x0"]),
        ("eth_call", [{"to": BOB.address}]),
        ("eth_estimateGas", [{"to": BOB.address}]),
    ],
)
def test_block_that_does_not_exist(ask: Asker, method: str, params: list[object]) -> None:
    missing: list[object] = ["0x1", {"blockHash": "0x" + "11" * 32}, hex(2**255)]
    for block in missing:
        assert ask.error(method, *params, block) == (-32000, "header not found")
    malformed: list[object] = ["newest", {}, "1", True]
    for block in malformed:
        assert ask.error(method, *params, block)[0] == -32602


def test_code_and_storage(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    ask.pay(to=contract, data=store(0xABC), value="0x0")
    assert ask("eth_getStorageAt", contract, "0x0") == f"0x{0xABC:064x}"
    assert ask("eth_getStorageAt", contract, f"0x{1:064x}") == "0x" + "00" * 32
    assert ask("eth_getStorageAt", contract, "0x0", "0x1") == "0x" + "00" * 32
    assert ask("eth_getCode", BOB.address) == "0x"


def test_nonce_counts_what_is_mined_and_with_pending_what_waits(ask_waiting: Asker) -> None:
    for nonce in (0, 1, 3):
        ask_waiting("eth_sendRawTransaction", signed(nonce))
    assert ask_waiting("eth_getTransactionCount", ALICE.address, "latest") == "0x0"
    assert ask_waiting("eth_getTransactionCount", ALICE.address, "pending") == "0x2"
    ask_waiting("evm_mine")
    assert ask_waiting("eth_getTransactionCount", ALICE.address) == "0x2"


def test_input_and_data_are_the_same(ask: Asker) -> None:
    # Returns its call data.
    echo = ask.deploy("365f5f37365ff3")
    spellings: list[dict[str, object]] = [
        {"data": "0xabcd"},
        {"input": "0xabcd"},
        {"input": "0xabcd", "data": "0xABCD"},
    ]
    for fields in spellings:
        assert ask("eth_call", {"to": echo, **fields}) == "0xabcd"
    code, message = ask.error("eth_call", {"to": echo, "input": "0xabcd", "data": "0x"})
    assert code == -32602
    assert "not equal" in message


def test_call_sees_who_calls_and_what_it_sends(ask: Asker) -> None:
    who = ask.deploy("335f52346020" + "5260405ff3")
    seen = ask("eth_call", {"from": ALICE.address, "to": who, "value": "0x5"})
    assert seen == "0x" + "00" * 12 + ALICE.address[2:].lower() + f"{5:064x}"
    assert ask("eth_call", {"to": who}) == "0x" + "00" * 64


def test_fields_that_are_null_are_absent(ask: Asker) -> None:
    fields = {"from": None, "to": BOB.address, "gas": None, "value": None, "data": None, "accessList": None}
    assert ask("eth_call", fields) == "0x"
    assert ask.number("eth_estimateGas", fields) == 21_000


def test_access_list_is_paid_for(ask: Asker) -> None:
    entry = {"address": BOB.address, "storageKeys": ["0x" + "00" * 32]}
    request = {"from": ALICE.address, "to": BOB.address, "accessList": [entry]}
    assert ask.number("eth_estimateGas", request) == 21_000 + 2_400 + 1_900


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "0x00"},
        {"to": "bob"},
        {"gas": -1},
        {"value": "1"},
        {"data": "0x1"},
        {"accessList": {}},
        {"accessList": [5]},
        {"accessList": [{"address": BOB.address, "storageKeys": ["0x00"]}]},
        {"accessList": [{}]},
    ],
)
def test_malformed_call(ask: Asker, fields: dict[str, object]) -> None:
    for method in ("eth_call", "eth_estimateGas", "eth_sendTransaction"):
        assert ask.error(method, {"from": ALICE.address, "to": BOB.address} | fields)[0] == -32602


def test_estimate_is_for_the_next_block(ask: Asker) -> None:
    # Fails until the time in the call data has come.
    patient = ask.deploy("5f354210600857005b5f5ffd")
    later = ask.node.chain.head.timestamp + 1000
    request = {"to": patient, "data": f"0x{later:064x}"}
    assert ask.revert("eth_estimateGas", request)[0] == 3
    ask("evm_increaseTime", 2000)
    ask("eth_estimateGas", request)
    assert ask.revert("eth_call", request)[0] == 3
    ask("eth_call", request, "pending")


def test_gas_price_of_a_call_is_no_matter(ask: Asker) -> None:
    fields = {"from": "0x" + "77" * 20, "to": BOB.address, "maxFeePerGas": hex(9 * GWEI)}
    assert ask("eth_call", fields) == "0x"
