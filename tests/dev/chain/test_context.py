import pytest

from minirelay.dev.chain.errors import RpcError
from tests.dev.chain.asking import BOB, Asker, signed


def test_blocks_are_found_by_every_reference(ask: Asker) -> None:
    for _ in range(3):
        ask("evm_mine")
    context = ask.context
    head = context.node.chain.head
    for reference in ("latest", "safe", "finalized", 3, head.hash):
        assert context.find(reference) == context.header(reference) == head
    first = context.find("earliest")
    assert first is not None
    assert first.block_number == 0
    assert context.find(0) == first


def test_missing_blocks(ask: Asker) -> None:
    for reference in (1, 2**63, 2**256 - 1, bytes(32)):
        assert ask.context.find(reference) is None
        with pytest.raises(RpcError, match="header not found"):
            ask.context.header(reference)


def test_pending_is_no_mined_block_but_has_a_state(ask_waiting: Asker) -> None:
    ask_waiting("eth_sendRawTransaction", signed(value=5))
    context = ask_waiting.context
    assert context.find("pending") is None
    assert context.header("pending") == context.node.chain.head
    bob = bytes.fromhex(BOB.address[2:])
    before, after = (context.state(tag).get_balance(bob) for tag in ("latest", "pending"))  # type: ignore[arg-type]
    assert after - before == 5


def test_transactions_of_a_block(ask: Asker) -> None:
    ask("eth_sendRawTransaction", signed())
    (transaction,) = ask.context.transactions(ask.context.node.chain.head)
    assert "0x" + transaction.encode().hex() == signed()
