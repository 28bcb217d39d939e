from minirelay.dev.accounts import ACCOUNTS, BALANCE_WEI, FAUCET, FAUCET_BALANCE_WEI
from minirelay.dev.create2 import FACTORY_ADDRESS, FACTORY_CODE
from tests.dev.chain.asking import START, Asker


def test_accounts_start_with_ten_thousand_coins_and_no_nonce(ask: Asker) -> None:
    for account in ACCOUNTS:
        assert ask.number("eth_getBalance", account.address) == BALANCE_WEI == 10_000 * 10**18
        assert ask("eth_getTransactionCount", account.address) == "0x0"
    assert ask.number("eth_getBalance", FAUCET.address) == FAUCET_BALANCE_WEI


def test_factory_is_there(ask: Asker) -> None:
    assert ask("eth_getCode", "0x" + FACTORY_ADDRESS.hex()) == "0x" + FACTORY_CODE.hex()


def test_first_block(ask: Asker) -> None:
    block = ask("eth_getBlockByNumber", "0x0", False)
    assert block["parentHash"] == "0x" + "0" * 64
    assert int(block["timestamp"], 16) == START
    assert int(block["gasLimit"], 16) == 30_000_000
    assert int(block["baseFeePerGas"], 16) == 10**9
