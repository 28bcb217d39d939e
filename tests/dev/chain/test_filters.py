import pytest

from minirelay.dev.chain import filters as filters_module
from minirelay.dev.chain.errors import RpcError
from minirelay.dev.chain.filters import MAX_SUBSCRIPTIONS, Subscriptions
from minirelay.dev.chain.shapes import Json
from tests.dev.chain.asking import BOB, STORE, Asker, SlowClock, signed, store


def log(ask: Asker, contract: str, value: int) -> None:
    ask.pay(to=contract, data=store(value), value="0x0")


def values(logs: list[dict[str, str]]) -> list[int]:
    return [int(entry["data"], 16) for entry in logs]


def test_log_filter_tells_each_log_once(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    log(ask, contract, 1)
    number = ask("eth_newFilter", {"address": contract})
    assert ask("eth_getFilterChanges", number) == []
    log(ask, contract, 2)
    log(ask, contract, 3)
    assert values(ask("eth_getFilterChanges", number)) == [2, 3]
    assert ask("eth_getFilterChanges", number) == []
    log(ask, contract, 4)
    assert values(ask("eth_getFilterChanges", number)) == [4]


def test_log_filter_tells_only_what_matches(ask: Asker) -> None:
    contract, other = ask.deploy(STORE), ask.deploy(STORE)
    by_address = ask("eth_newFilter", {"address": [contract]})
    by_topic = ask("eth_newFilter", {"topics": [f"0x{2:064x}"]})
    for value in (1, 2):
        log(ask, contract, value)
        log(ask, other, value)
    assert values(ask("eth_getFilterChanges", by_address)) == [1, 2]
    assert values(ask("eth_getFilterChanges", by_topic)) == [2, 2]


def test_log_filter_ends_where_it_was_told(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    number = ask("eth_newFilter", {"toBlock": "0x2"})
    log(ask, contract, 1)
    log(ask, contract, 2)
    assert values(ask("eth_getFilterChanges", number)) == [1]


def test_log_filter_starts_where_it_was_told(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    number = ask("eth_newFilter", {"fromBlock": "0x3"})
    log(ask, contract, 1)
    log(ask, contract, 2)
    assert values(ask("eth_getFilterChanges", number)) == [2]


def test_filter_logs_are_all_in_range(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    log(ask, contract, 1)
    number = ask("eth_newFilter", {"fromBlock": "0x0"})
    log(ask, contract, 2)
    assert values(ask("eth_getFilterLogs", number)) == [1, 2]
    assert values(ask("eth_getFilterChanges", number)) == [2]
    assert values(ask("eth_getFilterLogs", number)) == [1, 2]


def test_block_filter_tells_each_block_once(ask: Asker) -> None:
    number = ask("eth_newBlockFilter")
    assert ask("eth_getFilterChanges", number) == []
    ask("evm_mine", {"blocks": 3})
    hashes = [ask("eth_getBlockByNumber", hex(n), False)["hash"] for n in (1, 2, 3)]
    assert ask("eth_getFilterChanges", number) == hashes
    assert ask("eth_getFilterChanges", number) == []


def test_pending_filter_tells_each_arrival_once(ask_waiting: Asker) -> None:
    ask = ask_waiting
    ask("eth_sendRawTransaction", signed(0))
    number = ask("eth_newPendingTransactionFilter")
    hashes = [ask("eth_sendRawTransaction", signed(nonce)) for nonce in (1, 2)]
    assert ask("eth_getFilterChanges", number) == hashes
    assert ask("eth_getFilterChanges", number) == []


def test_filters_go_on_after_going_back(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    snapshot = ask("evm_snapshot")
    logs, blocks = ask("eth_newFilter", {}), ask("eth_newBlockFilter")
    log(ask, contract, 1)
    ask("eth_getFilterChanges", logs)
    ask("eth_getFilterChanges", blocks)
    ask("evm_revert", snapshot)
    assert ask("eth_getFilterChanges", logs) == ask("eth_getFilterChanges", blocks) == []
    log(ask, contract, 2)
    assert values(ask("eth_getFilterChanges", logs)) == [2]
    assert len(ask("eth_getFilterChanges", blocks)) == 1


def test_closed_or_unknown_filter(ask: Asker) -> None:
    number = ask("eth_newBlockFilter")
    assert ask("eth_uninstallFilter", number) is True
    assert ask("eth_uninstallFilter", number) is False
    assert ask.error("eth_getFilterChanges", number) == (-32000, "filter not found")
    assert ask.error("eth_getFilterChanges", "0xffff") == (-32000, "filter not found")


def test_only_log_filters_have_logs(ask: Asker) -> None:
    assert ask.error("eth_getFilterLogs", ask("eth_newBlockFilter")) == (-32000, "filter not found")


def test_filter_for_one_block_is_refused(ask: Asker) -> None:
    assert ask.error("eth_newFilter", {"blockHash": "0x" + "00" * 32})[0] == -32602


def test_filter_that_nobody_asks_is_forgotten(ask: Asker, clock: SlowClock) -> None:
    silent, asked = ask("eth_newBlockFilter"), ask("eth_newBlockFilter")
    clock.now += 200
    ask("eth_getFilterChanges", asked)
    clock.now += 101
    ask("eth_newBlockFilter")
    assert ask("eth_getFilterChanges", asked) == []
    assert ask.error("eth_getFilterChanges", silent) == (-32000, "filter not found")


def test_filters_are_bounded(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters_module, "MAX_FILTERS", 3)
    first, second, third = (ask("eth_newBlockFilter") for _ in range(3))
    ask("eth_getFilterChanges", first)
    fourth = ask("eth_newBlockFilter")
    for number in (first, third, fourth):
        ask("eth_getFilterChanges", number)
    assert ask.error("eth_getFilterChanges", second) == (-32000, "filter not found")


def test_arrivals_that_nobody_fetched_are_bounded(
    ask_waiting: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, node = ask_waiting, ask_waiting.node
    number = ask("eth_newPendingTransactionFilter")
    monkeypatch.setattr(node, "arrivals", type(node.arrivals)(maxlen=2))
    hashes = [ask("eth_sendRawTransaction", signed(nonce, to=BOB.address)) for nonce in range(3)]
    assert ask("eth_getFilterChanges", number) == hashes[1:]


def test_too_many_logs_at_once(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters_module, "MAX_LOGS", 2)
    contract = ask.deploy(STORE)
    for value in range(3):
        log(ask, contract, value)
    assert ask.error("eth_getLogs", {"fromBlock": "0x0"}) == (-32005, "query returned more than 2 results")
    assert values(ask("eth_getLogs", {"fromBlock": "0x3"})) == [1, 2]


def test_each_has_a_number_of_its_own_until_it_ends(ask: Asker) -> None:
    told: list[Json] = []
    subscriptions = Subscriptions(ask.node, told.append)
    first, second = subscriptions.add_heads(), subscriptions.add_heads()
    ask("evm_mine")
    assert [one["params"]["subscription"] for one in told] == [hex(first), hex(second)]
    assert subscriptions.remove(first)
    ask("evm_mine")
    assert len(told) == 3
    subscriptions.close()
    ask("evm_mine")
    assert len(told) == 3


def test_they_are_bounded(ask: Asker) -> None:
    subscriptions = Subscriptions(ask.node, lambda _: None)
    for _ in range(MAX_SUBSCRIPTIONS):
        subscriptions.add_heads()
    with pytest.raises(RpcError, match="at most"):
        subscriptions.add_heads()
