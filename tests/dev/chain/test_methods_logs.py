import pytest

from tests.dev.chain.asking import STORE, Asker, store


@pytest.fixture
def contract(ask: Asker) -> str:
    """A contract that logged 1, 2 and 3, in the blocks 2 to 4."""
    address = ask.deploy(STORE)
    for value in (1, 2, 3):
        ask.pay(to=address, data=store(value), value="0x0")
    return address


def found(ask: Asker, **criteria: object) -> list[int]:
    return [int(log["data"], 16) for log in ask("eth_getLogs", criteria)]


def topic(value: int) -> str:
    return f"0x{value:064x}"


def test_blocks_bound_what_is_found(ask: Asker, contract: str) -> None:
    assert found(ask) == [3]
    assert found(ask, fromBlock="0x0") == [1, 2, 3]
    assert found(ask, fromBlock="earliest", toBlock="0x3") == [1, 2]
    assert found(ask, fromBlock="0x3", toBlock="0x3") == [2]
    assert found(ask, fromBlock="0x3", toBlock="pending") == [2, 3]
    assert found(ask, fromBlock="0x0", toBlock=hex(2**256 - 1)) == [1, 2, 3]
    assert found(ask, fromBlock="0x9", toBlock="latest") == []
    assert found(ask, fromBlock="0x9", toBlock="0x10") == []


def test_one_block_by_its_hash(ask: Asker, contract: str) -> None:
    block_hash = ask("eth_getBlockByNumber", "0x3", False)["hash"]
    assert found(ask, blockHash=block_hash) == [2]
    assert ask.error("eth_getLogs", {"blockHash": "0x" + "11" * 32}) == (-32000, "unknown block")
    assert ask.error("eth_getLogs", {"blockHash": block_hash, "fromBlock": "0x0"})[0] == -32602


def test_addresses(ask: Asker, contract: str) -> None:
    other = "0x" + "99" * 20
    assert found(ask, fromBlock="0x0", address=contract.lower()) == [1, 2, 3]
    assert found(ask, fromBlock="0x0", address=[other, contract]) == [1, 2, 3]
    assert found(ask, fromBlock="0x0", address=[]) == [1, 2, 3]
    assert found(ask, fromBlock="0x0", address=other) == []


def test_topics(ask: Asker, contract: str) -> None:
    assert found(ask, fromBlock="0x0", topics=[topic(2)]) == [2]
    assert found(ask, fromBlock="0x0", topics=[[topic(3), topic(1)]]) == [1, 3]
    assert found(ask, fromBlock="0x0", topics=[None]) == [1, 2, 3]
    assert found(ask, fromBlock="0x0", topics=[[]]) == [1, 2, 3]
    assert found(ask, fromBlock="0x0", topics=[[None, topic(1)]]) == [1, 2, 3]
    assert found(ask, fromBlock="0x0", topics=[]) == [1, 2, 3]
    assert found(ask, fromBlock="0x0", topics=[None, None]) == [], "its logs have one topic"


def test_log_says_where_it_is(ask: Asker, contract: str) -> None:
    (log,) = ask("eth_getLogs", {})
    block = ask("eth_getBlockByNumber", "latest", False)
    assert log == {
        "address": contract,
        "topics": [topic(3)],
        "data": topic(3),
        "blockNumber": "0x4",
        "blockHash": block["hash"],
        "transactionHash": block["transactions"][0],
        "transactionIndex": "0x0",
        "logIndex": "0x0",
        "removed": False,
    }


@pytest.mark.parametrize(
    "criteria",
    [
        {"fromBlock": "0x5", "toBlock": "0x4"},
        {"fromBlock": "soon"},
        {"address": "0x00"},
        {"address": {}},
        {"topics": "0x00"},
        {"topics": [topic(1)] * 5},
        {"topics": ["0x00"]},
        {"topics": [[[topic(1)]]]},
        {"blockHash": "0x00"},
    ],
)
def test_malformed_criteria(ask: Asker, criteria: dict[str, object]) -> None:
    for method in ("eth_getLogs", "eth_newFilter"):
        assert ask.error(method, criteria)[0] == -32602


def test_alternatives_are_bounded(ask: Asker) -> None:
    address = "0x" + "99" * 20
    assert found(ask, address=[address] * 1000, topics=[[topic(1)] * 1000] * 4) == []
    assert ask.error("eth_getLogs", {"address": [address] * 1001})[0] == -32005
    assert ask.error("eth_getLogs", {"topics": [[topic(1)] * 1001]})[0] == -32005


def test_without_a_connection_there_is_nobody_to_be_told(ask: Asker) -> None:
    for method, params in (("eth_subscribe", ["newHeads"]), ("eth_unsubscribe", ["0x1"])):
        code, message = ask.error(method, *params)
        assert code == -32601
        assert "WebSocket" in message
