import pytest
from eth.abc import SignedTransactionAPI

from minirelay.dev.chain import transactions
from minirelay.dev.chain.errors import RpcError
from minirelay.dev.chain.node import decode_transaction
from minirelay.dev.chain.transactions import MARK, Pool, split_marked
from tests.dev.chain.asking import GWEI, Asker, signed


def tx(nonce: int, **changed: object) -> SignedTransactionAPI:
    return decode_transaction(bytes.fromhex(signed(nonce, **changed)[2:]))


def nonces(transactions: list[SignedTransactionAPI]) -> list[int]:
    return [transaction.nonce for transaction in transactions]


def ready(pool: Pool, mined: int = 0) -> list[int]:
    return nonces(pool.ready(lambda _sender: mined))


def pool_of(*transactions: SignedTransactionAPI) -> Pool:
    pool = Pool()
    for transaction in transactions:
        assert pool.add(transaction) is None
    return pool


def test_transactions_are_ready_up_to_the_first_gap() -> None:
    pool = pool_of(tx(0), tx(1), tx(3))
    assert ready(pool) == [0, 1]
    assert ready(pool, mined=3) == [3]
    assert ready(pool, mined=4) == []


def test_transactions_that_came_too_early_are_ready_in_the_order_of_their_nonces() -> None:
    assert ready(pool_of(tx(2), tx(1), tx(0), tx(3))) == [0, 1, 2, 3]


def test_next_nonce_is_behind_what_waits_without_a_gap() -> None:
    pool = pool_of(tx(1), tx(2), tx(4))
    assert pool.next_nonce(tx(0).sender, 1) == 3
    assert pool.next_nonce(tx(0).sender, 0) == 0
    assert pool.next_nonce(bytes(20), 7) == 7


def test_known_transaction_is_refused() -> None:
    with pytest.raises(RpcError, match="already known"):
        pool_of(tx(0)).add(tx(0))


def test_replacement_pays_ten_percent_more_in_both_fees() -> None:
    first = tx(0, maxFeePerGas=10 * GWEI, maxPriorityFeePerGas=GWEI)
    for fee, tip in ((11 * GWEI - 1, 11 * GWEI // 10), (11 * GWEI, 11 * GWEI // 10 - 1)):
        with pytest.raises(RpcError, match="replacement transaction underpriced"):
            pool_of(first).add(tx(0, maxFeePerGas=fee, maxPriorityFeePerGas=tip))
    pool = pool_of(first, tx(1))
    better = tx(0, maxFeePerGas=11 * GWEI, maxPriorityFeePerGas=11 * GWEI // 10)
    assert pool.add(better) == first
    assert pool.get(first.hash) is None
    assert pool.ready(lambda _sender: 0)[0] == better
    assert len(pool) == 2


def test_removed_transaction_leaves_a_gap() -> None:
    pool = pool_of(tx(0), tx(1))
    pool.remove(tx(0))
    pool.remove(tx(0))
    assert nonces(pool.all()) == [1]
    assert ready(pool) == []
    pool.remove(tx(1))
    assert len(pool) == 0


def test_pool_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "MAX_TRANSACTIONS", 2)
    pool = pool_of(tx(0), tx(1))
    with pytest.raises(RpcError, match="txpool is full"):
        pool.add(tx(2))
    pool.add(tx(1, maxFeePerGas=9 * GWEI, maxPriorityFeePerGas=2 * GWEI))


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
