from eth_account import Account as Signer
from eth_hash.auto import keccak

from minirelay.dev.accounts import ACCOUNTS, DERIVATION_PATH, FAUCET, MNEMONIC


def test_accounts_follow_from_the_mnemonic() -> None:
    Signer.enable_unaudited_hdwallet_features()
    assert len(ACCOUNTS) == 10
    for index, account in enumerate(ACCOUNTS):
        derived = Signer.from_mnemonic(MNEMONIC, account_path=DERIVATION_PATH.format(index=index))
        assert (derived.address, "0x" + bytes(derived.key).hex()) == (account.address, account.private_key)


def test_first_account_is_the_well_known_one() -> None:
    assert ACCOUNTS[0].address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_faucet_is_none_of_them_and_its_key_is_no_secret() -> None:
    assert FAUCET not in ACCOUNTS
    assert FAUCET.private_key == "0x" + keccak(b"minirelay development faucet").hex()
    assert Signer.from_key(FAUCET.private_key).address == FAUCET.address
