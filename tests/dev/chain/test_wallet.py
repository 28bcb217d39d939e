import pytest
from eth_account import Account as Signer
from eth_account.messages import encode_defunct

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.errors import RpcError
from minirelay.dev.chain.wallet import key_of, sign_personal


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
