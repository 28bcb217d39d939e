import json
from typing import Any

import pytest
from eth_account import Account as Signer
from eth_account.messages import encode_defunct, encode_typed_data

from minirelay.dev.accounts import ACCOUNTS
from tests.dev.chain.asking import ALICE, Asker

TYPED: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Mail": [{"name": "to", "type": "address"}, {"name": "text", "type": "string"}],
    },
    "primaryType": "Mail",
    "domain": {"name": "Post", "chainId": 31337},
    "message": {"to": ALICE.address, "text": "hello"},
}


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
