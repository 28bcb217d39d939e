"""Logs, asked for and read strictly."""

from typing import Any

import pytest

from minirelay.chain.findings import FoundLog, LogFilter
from minirelay.chain.logs import check_list, logs_request, merged, read_logs
from minirelay.errors import MalformedInput
from tests.chain.chain_values import CONTRACT, EVENT, OTHER_EVENT, log, log_json, word

FILTER = LogFilter(CONTRACT, (EVENT, OTHER_EVENT))


def read(*items: object, first: int = 1, last: int = 10) -> list[FoundLog]:
    return list(read_logs(items, FILTER, first, last))


def test_logs_are_read_as_they_are() -> None:
    logs = [log(1), log(4, 2), log(4, 3, event=OTHER_EVENT), log(10)]
    assert read(*map(log_json, logs)) == logs


def test_what_else_a_node_says_does_not_matter() -> None:
    item = log_json(log(4), blockTimestamp="0x1", logType=None)
    del item["removed"]
    assert read(item) == [log(4)]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        [],
        {},
        log_json(log(4), address="0x" + "aa" * 20),
        log_json(log(4), address="0x"),
        log_json(log(4), topics=[]),
        log_json(log(4), topics=None),
        log_json(log(4), topics=["0x" + "aa" * 32]),
        log_json(log(4), topics=[f"0x{EVENT.hex()}", "0x12"]),
        log_json(log(4), topics=[f"0x{EVENT.hex()}"] * 5),
        log_json(log(4), data=None),
        log_json(log(4), data="0x1"),
        log_json(log(4), blockNumber=None),
        log_json(log(4), blockNumber="0x" + "f" * 64),
        log_json(log(4), blockHash=None),
        log_json(log(4), blockHash="0x" + "aa" * 31),
        log_json(log(4), transactionHash=None),
        log_json(log(4), logIndex=None),
        log_json(log(4), logIndex="0x" + "f" * 64),
        log_json(log(4), removed=True),
        log_json(log(4), removed="false"),
        log_json(log(0)),
        log_json(log(11)),
    ],
)
def test_what_was_not_asked_for_is_refused(bad: Any) -> None:
    with pytest.raises(MalformedInput):
        read(bad)


@pytest.mark.parametrize(
    "logs",
    [
        [log(4), log(4)],
        [log(5), log(4)],
        [log(4, 2), log(4, 1)],
        [log(4, 0), log(4, 1, fork=1)],
    ],
)
def test_logs_twice_out_of_order_or_of_two_forks_are_refused(logs: list[FoundLog]) -> None:
    with pytest.raises(MalformedInput):
        read(*map(log_json, logs))


def test_an_answer_is_a_list() -> None:
    assert check_list([1]) == [1]


@pytest.mark.parametrize("bad", [None, {"0": 1}, "logs", 3])
def test_anything_else_is_refused(bad: object) -> None:
    with pytest.raises(MalformedInput):
        check_list(bad)


def test_a_stretch_is_asked_for_without_ids() -> None:
    (params,) = logs_request(FILTER, 16, 255).params
    assert params == {
        "address": "0x" + "c0" * 20,
        "topics": [["0x" + "e1" * 32, "0x" + "e2" * 32]],
        "fromBlock": "0x10",
        "toBlock": "0xff",
    }


@pytest.mark.parametrize("place", [1, 2, 3])
def test_ids_are_asked_for_where_they_stand(place: int) -> None:
    (params,) = logs_request(LogFilter(CONTRACT, (EVENT,), place), 4, 4, [word(7), word(8)]).params
    assert isinstance(params, dict)
    ids = [f"0x{word(one).hex()}" for one in (7, 8)]
    assert params["topics"] == [["0x" + "e1" * 32], *[None] * (place - 1), ids]


def test_filters_of_one_contract_are_asked_together() -> None:
    other = LogFilter(b"\xc1" * 20, (EVENT,))
    by_third = LogFilter(CONTRACT, (EVENT,), 3)
    parts = [LogFilter(CONTRACT, (EVENT,)), other, by_third, LogFilter(CONTRACT, (OTHER_EVENT, EVENT))]
    assert merged(parts) == [LogFilter(CONTRACT, (EVENT, OTHER_EVENT)), other, by_third]
