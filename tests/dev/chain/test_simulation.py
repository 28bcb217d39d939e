import pytest
from eth_abi.abi import encode
from eth_account import Account

from minirelay.dev.chain.simulation import minimal_gas, revert_reason
from tests.dev.chain.asking import ALICE, BOB, CAROL, STORE, Asker, store

# Reverts with whatever it is called with.
ECHO_REVERT = "365f5f37365ffd"
# Calls itself, with all gas, as deep as it goes.
RECURSE = "5f5f5f5f5f305af100"
# Jumps in circles.
LOOP = "5b5f56"
INVALID = "fe"
# Hands a coin on to the caller's Bob, and fails if that fails: needs more gas than it uses.
FORWARD = "5f5f5f5f34" + "73" + BOB.address[2:].lower() + "5af16022575f5ffd5b00"


def error_text(text: str) -> str:
    return "0x08c379a0" + encode(["string"], [text]).hex()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (error_text("no funds"), "execution reverted: no funds"),
        (error_text("ünïcode"), "execution reverted: ünïcode"),
        ("0x", "execution reverted"),
        ("0x12345678", "execution reverted"),
        ("0x4e487b71" + f"{0x11:064x}", "execution reverted: panic 0x11"),
        ("0x4e487b71", "execution reverted"),
        ("0x08c379a0", "execution reverted"),
        ("0x08c379a0" + f"{32:064x}{4:064x}" + "ff" * 32, "execution reverted"),
    ],
)
@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
def test_revert_is_told_with_its_words_and_data(ask: Asker, method: str, data: str, message: str) -> None:
    contract = ask.deploy(ECHO_REVERT)
    assert ask.revert(method, {"to": contract, "data": data}) == (3, message, data)


def test_reason_of_hostile_data() -> None:
    assert revert_reason(bytes.fromhex("08c379a0") + b"\xff" * 64) == ""


def test_call_returns_what_the_contract_does(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    ask.pay(to=contract, data=store(77), value="0x0")
    assert ask.number("eth_call", {"to": contract}) == 77


def test_call_to_nobody_returns_nothing(ask: Asker) -> None:
    assert ask("eth_call", {"to": BOB.address, "data": "0x1234"}) == "0x"


def test_call_changes_nothing(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    ask("eth_call", {"from": ALICE.address, "to": contract, "data": store(5)})
    assert ask.number("eth_call", {"to": contract}) == 0
    assert ask("eth_getTransactionCount", ALICE.address) == "0x0"


def test_call_creates(ask: Asker) -> None:
    assert ask("eth_call", {"data": "0x60015f5260205ff3"}) == "0x" + f"{1:064x}"


def test_call_is_free_but_the_value_must_be_there(ask: Asker) -> None:
    nobody = "0x" + "99" * 20
    assert ask("eth_call", {"from": nobody, "to": BOB.address, "gasPrice": hex(10**18)}) == "0x"
    code, message = ask.error("eth_call", {"from": nobody, "to": BOB.address, "value": "0x1"})
    assert (code, message) == (-32000, "insufficient funds for transfer")


def test_call_from_a_contract_address(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    assert ask("eth_call", {"from": contract, "to": BOB.address}) == "0x"


@pytest.mark.parametrize(
    ("code", "message"),
    [(LOOP, "out of gas"), (INVALID, "execution failed")],
)
def test_failures_that_are_no_reverts(ask: Asker, code: str, message: str) -> None:
    contract = ask.deploy(code)
    for method in ("eth_call", "eth_estimateGas"):
        error = ask.error(method, {"to": contract, "gas": "0x186a0"})
        assert error[0] == -32000
        assert error[1].startswith(message)


def test_recursion_ends(ask: Asker) -> None:
    assert ask("eth_call", {"to": ask.deploy(RECURSE)}) == "0x"


def test_gas_of_a_call_is_capped_by_the_blocks(ask: Asker) -> None:
    gas_left = ask.deploy("5a5f5260205ff3")
    assert ask.number("eth_call", {"to": gas_left, "gas": hex(2**60)}) < 30_000_000
    assert ask.number("eth_call", {"to": gas_left, "gas": "0x186a0"}) < 100_000


def test_too_little_gas_for_anything(ask: Asker) -> None:
    for method in ("eth_call", "eth_estimateGas"):
        code, message = ask.error(method, {"to": BOB.address, "gas": "0x5207"})
        assert (code, message) == (-32000, "intrinsic gas too low")


def test_plain_transfer_is_estimated_exactly(ask: Asker) -> None:
    assert ask.number("eth_estimateGas", {"from": ALICE.address, "to": BOB.address, "value": "0x1"}) == 21_000


@pytest.mark.parametrize(("code", "data", "value"), [(STORE, store(9), 0), (FORWARD, "0x", 1)])
def test_estimate_is_enough_and_not_much_more(ask: Asker, code: str, data: str, value: int) -> None:
    request = {"from": ALICE.address, "to": ask.deploy(code), "data": data, "value": hex(value)}
    estimate = ask.number("eth_estimateGas", request)
    assert ask.number("eth_estimateGas", request) == estimate
    ask("eth_call", request | {"gas": hex(estimate)})
    assert "result" not in ask.raw(
        {"id": 1, "method": "eth_call", "params": [request | {"gas": hex(int(estimate * 0.98))}]}
    )
    receipt = ask("eth_getTransactionReceipt", ask("eth_sendTransaction", request | {"gas": hex(estimate)}))
    assert receipt["status"] == "0x1"


def test_estimate_respects_the_given_limit(ask: Asker) -> None:
    request = {"to": ask.deploy(STORE), "data": store(9), "gas": "0x7530"}
    assert ask.error("eth_estimateGas", request) == (-32000, "out of gas")


@pytest.mark.parametrize(
    ("data", "gas"),
    [
        (b"", 21_000),
        # The floor of EIP-7623: 10 for a zero byte, 40 for another.
        (b"\x00", 21_010),
        (b"\x01", 21_040),
        (b"\x01" * 100, 25_000),
    ],
)
def test_minimal_gas(data: bytes, gas: int) -> None:
    assert minimal_gas(bytes.fromhex(BOB.address[2:]), data) == gas  # type: ignore[arg-type]


def test_minimal_gas_of_a_creation_and_of_an_access_list() -> None:
    assert minimal_gas(b"", b"") == 53_000  # type: ignore[arg-type]
    account = bytes.fromhex(CAROL.address[2:])
    assert minimal_gas(account, b"", ((account, (1, 2)),)) == 21_000 + 2_400 + 2 * 1_900  # type: ignore[arg-type]


def test_mined_transaction_pays_the_floor(ask: Asker) -> None:
    receipt = ask("eth_getTransactionReceipt", ask.pay(data="0x" + "01" * 100))
    assert int(receipt["gasUsed"], 16) == 25_000


def test_authorizations_delegate_during_the_call(ask: Asker) -> None:
    contract = ask.deploy("602a5f5260205ff3")
    authorization = Account.sign_authorization(
        {"chainId": 31337, "address": contract, "nonce": 0}, BOB.private_key
    )
    listed = {
        "chainId": hex(31337),
        "address": contract,
        "nonce": "0x0",
        "yParity": hex(authorization.y_parity),
        "r": hex(authorization.r),
        "s": hex(authorization.s),
    }
    request = {"from": ALICE.address, "to": BOB.address}
    assert ask("eth_call", request) == "0x"
    assert ask.number("eth_call", request | {"authorizationList": [listed]}) == 42
    assert ask.number("eth_estimateGas", request | {"authorizationList": [listed]}) >= 21_000 + 25_000
    assert ask("eth_getCode", BOB.address) == "0x"
    for wrong in ({"yParity": "0x2"}, {"nonce": hex(2**64)}, {"address": "0x12"}, {"r": None}):
        code, _ = ask.error("eth_call", request | {"authorizationList": [listed | wrong]})
        assert code == -32602


def test_who_names_no_sender_is_the_first_account_when_gas_is_estimated(ask: Asker) -> None:
    # web3.py asks for the gas before it sends, and names nobody either.
    assert ask.number("eth_estimateGas", {"to": BOB.address, "value": "0x1"}) == 21_000
