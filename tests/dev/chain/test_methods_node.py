import json
from typing import Any

import pytest
from eth_account import Account as Signer
from eth_account.messages import encode_defunct, encode_typed_data

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.errors import RpcError
from minirelay.dev.chain.methods_node import key_of, sign_personal
from tests.dev.chain.asking import ALICE, GWEI, Asker, signed

TYPED: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Mail": [{"name": "to", "type": "address"}, {"name": "text", "type": "string"}],
    },
    "primaryType": "Mail",
    "domain": {"name": "Post", "chainId": 31337},
    "message": {"to": ALICE.address, "text": "hello"},
}


def test_what_the_node_is(ask: Asker) -> None:
    assert ask("eth_chainId") == "0x7a69"
    assert ask("net_version") == "31337"
    assert ask("eth_syncing") is False
    assert ask("net_listening") is True
    assert ask("web3_clientVersion").startswith("minirelay")


def test_sha3(ask: Asker) -> None:
    empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert ask("web3_sha3", "0x") == empty
    assert ask.error("web3_sha3", "hello")[0] == -32602
    assert ask.error("web3_sha3")[0] == -32602


def test_keys_of_the_ten_accounts() -> None:
    for account in ACCOUNTS:
        key = key_of(bytes.fromhex(account.address[2:]))
        assert key.to_hex() == account.private_key


def test_key_of_nobody_else() -> None:
    with pytest.raises(RpcError, match="unknown account"):
        key_of(bytes(20))


@pytest.mark.parametrize("message", [b"", b"hello", b"\xff" * 1000])
def test_personal_signature_is_that_of_other_wallets(message: bytes) -> None:
    account = ACCOUNTS[3]
    own = sign_personal(key_of(bytes.fromhex(account.address[2:])), message)
    assert own == Signer.sign_message(encode_defunct(message), account.private_key).signature


def test_accounts_are_the_ten(ask: Asker) -> None:
    addresses = [account.address for account in ACCOUNTS]
    assert ask("eth_accounts") == ask("eth_requestAccounts") == addresses


def test_personal_messages_are_signed(ask: Asker) -> None:
    signature = ask("eth_sign", ALICE.address, "0x1234")
    assert ask("personal_sign", "0x1234", ALICE.address) == signature
    signable = encode_defunct(hexstr="0x1234")
    assert Signer.recover_message(signable, signature=signature) == ALICE.address


def test_typed_data_is_signed(ask: Asker) -> None:
    expected = Signer.sign_message(encode_typed_data(full_message=TYPED), ALICE.private_key).signature
    for form in (TYPED, json.dumps(TYPED)):
        assert ask("eth_signTypedData_v4", ALICE.address, form) == "0x" + bytes(expected).hex()


@pytest.mark.parametrize(
    "typed",
    [
        {},
        "",
        "[",
        "[" * 100_000,
        "5",
        TYPED | {"types": {}},
        TYPED | {"message": {"to": 5}},
        TYPED | {"types": TYPED["types"] | {"Mail": [{"name": "to", "type": "uint7"}]}},
        TYPED | {"types": {"Mail": [{"name": "text", "type": "string" + "[]" * 5000}]}},
    ],
)
def test_malformed_typed_data(ask: Asker, typed: object) -> None:
    code, message = ask.error("eth_signTypedData_v4", ALICE.address, typed)
    assert code == -32602
    assert message.startswith("malformed typed data")


def test_nobody_signs_for_others(ask: Asker) -> None:
    stranger = "0x" + "99" * 20
    for call in (
        ("eth_sign", stranger, "0x"),
        ("personal_sign", "0x", stranger),
        ("eth_signTypedData_v4", stranger, TYPED),
    ):
        assert ask.error(*call) == (-32000, "unknown account")


def test_prices_get_a_transaction_into_the_next_block(ask: Asker) -> None:
    assert ask("eth_maxPriorityFeePerGas") == hex(GWEI)
    price = ask.number("eth_gasPrice")
    assert price == 875_000_000 + GWEI
    ask("eth_sendRawTransaction", signed(gasPrice=price))
    assert ask("eth_blockNumber") == "0x1"


def test_history_of_blocks(ask_waiting: Asker) -> None:
    ask = ask_waiting
    for nonce, tip in ((0, GWEI), (1, 2 * GWEI)):
        ask("eth_sendRawTransaction", signed(nonce, maxPriorityFeePerGas=tip, maxFeePerGas=9 * GWEI))
    ask("evm_mine")
    ask("evm_mine")
    history = ask("eth_feeHistory", "0x2", "latest", [0, 50, 51, 100])
    fees = [ask("eth_getBlockByNumber", number, False)["baseFeePerGas"] for number in ("0x1", "0x2")]
    assert history["oldestBlock"] == "0x1"
    assert history["baseFeePerGas"][:2] == fees
    assert int(history["baseFeePerGas"][2], 16) == ask.number("eth_gasPrice") - GWEI
    assert history["gasUsedRatio"] == [42_000 / 30_000_000, 0]
    tips = [hex(GWEI), hex(GWEI), hex(2 * GWEI), hex(2 * GWEI)]
    assert history["reward"] == [tips, ["0x0"] * 4]


def test_history_ends_where_it_is_told_and_starts_with_the_chain(ask: Asker) -> None:
    ask("evm_mine", {"blocks": 3})
    history = ask("eth_feeHistory", "0x400", "0x1")
    assert history["oldestBlock"] == "0x0"
    assert len(history["gasUsedRatio"]) == 2
    fees = [ask("eth_getBlockByNumber", hex(n), False)["baseFeePerGas"] for n in range(3)]
    assert history["baseFeePerGas"] == fees
    assert "reward" not in history


def test_history_of_no_blocks(ask: Asker) -> None:
    history = ask("eth_feeHistory", "0x0", "latest", [])
    assert history["gasUsedRatio"] == []


def test_history_is_bounded(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirelay.dev.chain.methods_node.MAX_BLOCKS", 2)
    ask("evm_mine", {"blocks": 5})
    assert len(ask("eth_feeHistory", "0xffff", "latest", [50])["reward"]) == 2


@pytest.mark.parametrize(
    "params",
    [
        [],
        ["0x1"],
        ["0x1", "latest", {}],
        ["0x1", "latest", [50, 25]],
        ["0x1", "latest", [-1]],
        ["0x1", "latest", [101]],
        ["0x1", "latest", ["50"]],
        ["0x1", "latest", [True]],
        ["0x1", "latest", [1] * 101],
    ],
)
def test_malformed_history(ask: Asker, params: list[object]) -> None:
    assert ask.error("eth_feeHistory", *params)[0] == -32602


def test_history_of_a_block_to_come(ask: Asker) -> None:
    assert ask.error("eth_feeHistory", "0x1", "0x5") == (-32000, "header not found")


def test_blob_gas_costs_the_least(ask: Asker) -> None:
    assert ask("eth_blobBaseFee") == "0x1"
