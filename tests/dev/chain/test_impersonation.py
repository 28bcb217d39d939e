from minirelay.dev.chain.impersonation import MARK, split_marked
from tests.dev.chain.asking import Asker


def test_only_marked_transactions_are_split() -> None:
    assert split_marked(MARK + b"s" * 20 + b"rest") == (b"s" * 20, b"rest")
    assert split_marked(b"\x02rest") is None


def test_strangers_can_not_send_marked_ones(ask: Asker) -> None:
    marked = "0x" + (MARK + b"s" * 20).hex() + "02c0"
    code, message = ask.error("eth_sendRawTransaction", marked)
    assert code == -32000
    assert "cannot decode" in message


def test_the_same_transaction_of_two_accounts_has_two_hashes(ask: Asker) -> None:
    hashes = set()
    for account in ("0x" + "98" * 20, "0x" + "99" * 20):
        ask("anvil_impersonateAccount", account)
        ask("anvil_setBalance", account, hex(10**18))
        hashes.add(ask("eth_sendTransaction", {"from": account, "to": account, "nonce": "0x0"}))
    assert len(hashes) == 2
