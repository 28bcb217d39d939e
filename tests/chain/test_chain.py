"""A chain over several endpoints: failover, coming back, and what is an answer."""

import asyncio
import logging
from typing import Any

import pytest

from minirelay.chain.backoff import LONGEST_BACKOFF_S
from minirelay.chain.chain import MAX_QUESTIONS, Answered, Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.endpoint_state import EndpointHealth
from minirelay.chain.errors import (
    AnswerTooLong,
    BudgetSpent,
    ChainUnreachable,
    ContractFault,
    EndpointFailure,
    NodeRefused,
    Reverted,
)
from minirelay.chain.question import NOT_ASKED, Question, Refused
from minirelay.chain.request_budget import RequestBudget
from minirelay.errors import MalformedInput
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError, read_data, read_quantity
from minirelay.protocol.refusals import Refusal
from tests.chain.nodes import (
    CHAIN_ID,
    RIGHT,
    Behaviour,
    Bench,
    Clock,
    Node,
    RawNode,
    chain_over,
    drop,
    error,
    plain,
    running_raw,
    said,
    silent,
)
from tests.chain.scripted import Scripted

ADDRESS = bytes(range(20))


def good(number: int = 7) -> Node:
    return Node(results={"eth_blockNumber": hex(number), "eth_call": "0x07"})


async def head(bench: Bench) -> int:
    return await bench.chain.quantity("eth_blockNumber")


def read_byte(data: bytes) -> int:
    if len(data) != 1:
        raise MalformedInput("not one byte")
    return data[0]


async def test_the_preferred_endpoint_is_asked() -> None:
    first, second = good(1), good(2)
    async with chain_over(first, second) as bench:
        assert [await head(bench) for _ in range(3)] == [1, 1, 1]
    assert first.asked == ["eth_chainId", *["eth_blockNumber"] * 3]
    assert second.asked == []


FAILURES: dict[str, Behaviour] = {
    "drop": drop,
    "silent": silent,
    "http 500": plain("", 500),
    "429": plain("", 429),
    "html": plain("<html>"),
    "no answer": plain("{}"),
    "rate limit": error(-32005, "limit exceeded"),
    "rate limit of another kind": error(429, "capacity exceeded"),
    "internal": error(-32603, "internal error"),
    "unknown method": error(-32601, "the method does not exist"),
    "behind": error(-32000, "header not found"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_the_next_one_is_asked_when_it_fails(name: str) -> None:
    bad, second = Node(behaviour=FAILURES[name]), good(2)
    async with chain_over(bad, second, timeout_s=0.2) as bench:
        assert await head(bench) == 2
        assert await head(bench) == 2
    # The failing one was left alone the second time.
    assert len(bad.asked) == 1


@pytest.mark.parametrize("name", FAILURES)
async def test_failures_after_the_chain_id_was_right(name: str) -> None:
    async with chain_over(Node(results={"eth_blockNumber": FAILURES[name]}), good(2), timeout_s=0.2) as bench:
        assert await head(bench) == 2


@pytest.mark.parametrize("result", [None, 7, "7", "0x", "0x" + "f" * 65, {}, ["0x7"], True])
async def test_garbage_is_a_failure(result: object) -> None:
    async with chain_over(Node(results={"eth_blockNumber": result}), good(2)) as bench:
        assert await head(bench) == 2


async def test_another_chain_is_a_failure_for_long() -> None:
    stranger = Node(results={"eth_chainId": "0x1", "eth_blockNumber": "0x63"})
    async with chain_over(stranger, good(2)) as bench:
        assert await head(bench) == 2
        bench.clock.now += LONGEST_BACKOFF_S - 1
        assert await head(bench) == 2
        assert stranger.asked == ["eth_chainId"]
        bench.clock.now += 1
        del stranger.results["eth_chainId"]
        assert await head(bench) == 0x63


async def test_coming_back_to_the_preferred_one_after_its_rest() -> None:
    first, second = Node(behaviour=plain("", 500)), good(2)
    async with chain_over(first, second) as bench:
        assert await head(bench) == 2
        first.behaviour, first.results = None, good(1).results
        bench.clock.now += 0.99
        assert await head(bench) == 2
        bench.clock.now += 0.01
        assert await head(bench) == 1
    # Whoever comes back says again on which chain it is.
    assert first.asked == ["eth_chainId", "eth_chainId", "eth_blockNumber"]


async def test_rests_grow_while_it_goes_on_failing() -> None:
    first, second = Node(behaviour=plain("", 500)), good(2)
    async with chain_over(first, second) as bench:
        for rest_s in (1, 2, 4, 8):
            asked = len(first.asked)
            assert await head(bench) == 2
            assert len(first.asked) == asked + 1
            bench.clock.now += rest_s - 0.01
            assert await head(bench) == 2
            assert len(first.asked) == asked + 1
            bench.clock.now += 0.01


async def test_a_date_beyond_all_years_is_no_wish() -> None:
    hostile = Node(behaviour=plain("", 429, Retry_After="Mon, 01 Jan 99999999999999999999 00:00:00 GMT"))
    async with chain_over(hostile, good(2)) as bench:
        assert await head(bench) == 2
        bench.clock.now += 1
        assert await head(bench) == 2
    assert len(hostile.asked) == 2


async def test_retry_after_is_honoured() -> None:
    first = Node(behaviour=plain("", 429, Retry_After="300"))
    async with chain_over(first, good(2)) as bench:
        assert await head(bench) == 2
        bench.clock.now += 299
        assert await head(bench) == 2
        assert len(first.asked) == 1
        bench.clock.now += 1
        assert await head(bench) == 2
        assert len(first.asked) == 2


async def test_an_endpoint_that_closes_idle_connections_does_not_fail() -> None:
    node = RawNode([RIGHT, b""])
    async with running_raw(node), open_http() as http:
        chain = Chain(CHAIN_ID, http_endpoints([node.url], http))
        assert [await chain.quantity("eth_blockNumber") for _ in range(6)] == [7] * 6


async def test_without_any_endpoint_left_nothing_is_known() -> None:
    nodes = [Node(behaviour=plain("", 500)), Node(behaviour=drop)]
    async with chain_over(*nodes) as bench:
        for _ in range(2):
            with pytest.raises(ChainUnreachable) as caught:
                await head(bench)
            text = str(caught.value)
            assert f"no endpoint of chain {CHAIN_ID} can be used" in text
            assert "HTTP status 500" in text
            assert "connection failed" in text
            assert "KEY" not in text
            assert "\n" not in text
    # The second time nobody was asked: both rest.
    assert [len(node.asked) for node in nodes] == [1, 1]


async def test_a_chain_without_endpoints() -> None:
    with pytest.raises(ChainUnreachable, match=r"set chains\.5\.rpc_urls"):
        await Chain(5, []).quantity("eth_blockNumber")


REVERTS: dict[str, Behaviour] = {
    "geth": error(3, "execution reverted", data="0x"),
    "besu": error(-32000, "Execution reverted"),
    "hardhat": error(-32603, "VM Exception while processing transaction: reverted without a reason", 500),
    "nethermind": error(-32015, "VM execution error.", data="revert"),
}


@pytest.mark.parametrize("name", REVERTS)
async def test_a_revert_is_an_answer_and_no_failure(name: str) -> None:
    first, second = Node(results={"eth_call": REVERTS[name], "eth_blockNumber": "0x1"}), good(2)
    async with chain_over(first, second) as bench:
        for _ in range(3):
            with pytest.raises(Reverted):
                await bench.chain.call(ADDRESS, b"\1", read_byte)
        assert await head(bench) == 1
    assert second.asked == []


async def test_an_error_of_the_node_itself_is_never_a_no() -> None:
    async with chain_over(Node(results={"eth_call": error(-32000, "missing trie node")}), good()) as bench:
        assert await bench.chain.call(ADDRESS, b"\1", read_byte) == 7


async def test_calls() -> None:
    node = good()
    async with chain_over(node) as bench:
        assert await bench.chain.call(ADDRESS, b"\1\2", read_byte) == 7
    assert node.params[-1] == [{"to": "0x" + ADDRESS.hex(), "data": "0x0102"}, "latest"]


# -- many at once, and at a block

HEIGHT = Question(Request("eth_blockNumber"), read_quantity)
BLOCK = BlockId(9, b"\x99" * 32)
HEADER = {"number": "0x9", "hash": "0x" + "99" * 32}
BALANCE = Question(Request("eth_getBalance", ["0x" + ADDRESS.hex()]), read_quantity)
CALL = Question(
    Request("eth_call", [{"to": "0x" + ADDRESS.hex()}], 1), lambda data: read_byte(read_data(data))
)


async def test_many_are_asked_of_one_endpoint_at_once() -> None:
    first, second = good(1), good(2)
    first.results["eth_call"] = error(3, "execution reverted")
    async with chain_over(first, second) as bench:
        height, reverted, again = await bench.chain.request_many([HEIGHT, CALL, HEIGHT])
        assert (height, again) == (1, 1)
        assert isinstance(reverted, Reverted)
        assert await bench.chain.request_many([]) == []
    # The chain's id is asked for once, before.
    assert first.requests == 2
    assert second.requests == 0


def unanswered(answers: list[Any]) -> object:
    return answers[:-1]


def refused(_answers: list[Any]) -> object:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not taken"}}


def with_an_error(answers: list[Any]) -> object:
    return [answers[0], {"id": answers[1]["id"], "error": {"code": -32000, "message": "header not found"}}]


@pytest.mark.parametrize("batch", [unanswered, refused])
async def test_a_batch_that_is_not_answered_whole_is_asked_again_in_smaller_ones(batch: Any) -> None:
    first, second = good(1), good(2)
    first.batch = batch
    async with chain_over(first, second) as bench:
        assert await bench.chain.request_many([HEIGHT] * 2) == [1, 1]
        assert await head(bench) == 1
    assert second.asked == []


async def test_a_batch_in_which_a_question_is_refused_is_a_failure() -> None:
    first, second = good(1), good(2)
    first.batch = with_an_error
    async with chain_over(first, second) as bench:
        assert await bench.chain.request_many([HEIGHT] * 2) == [2, 2]
        assert await head(bench) == 2


async def test_how_many_at_once_has_a_bound() -> None:
    async with chain_over(good()) as bench:
        assert await bench.chain.request_many([HEIGHT] * MAX_QUESTIONS) == [7] * MAX_QUESTIONS
        with pytest.raises(RuntimeError, match=f"at most {MAX_QUESTIONS}"):
            await bench.chain.request_many([HEIGHT] * (MAX_QUESTIONS + 1))


def by_hash(block: Any) -> bool:
    return isinstance(block, dict)


def at_block(number: int, *, takes_hashes: bool, header: object = HEADER) -> Node:
    """Make a node with an answer for one block, named by hash (EIP-1898) or only by number."""

    async def answer(request: Any, question: Any) -> Any:
        block = question["params"][1]
        if by_hash(block) and not takes_hashes:
            return await error(-32602, "invalid argument 1: hex string expected")(request, question)
        assert block == ({"blockHash": HEADER["hash"], "requireCanonical": True} if by_hash(block) else "0x9")
        return said(question, result=f"0x{number:02x}")

    return Node(results={"eth_call": answer, "eth_getBalance": answer, "eth_getBlockByNumber": header})


async def test_a_block_is_named_by_its_hash() -> None:
    node = at_block(7, takes_hashes=True)
    async with chain_over(node) as bench:
        assert await bench.chain.call(ADDRESS, b"", read_byte, at=BLOCK) == 7
        assert await bench.chain.request_many([BALANCE, CALL], BLOCK) == [7, 7]
    assert node.asked == ["eth_chainId", "eth_call", "eth_getBalance", "eth_call"]


async def test_where_hashes_are_not_taken_numbers_are_with_the_header_behind_them() -> None:
    node = at_block(7, takes_hashes=False)
    async with chain_over(node) as bench:
        for _ in range(2):
            assert await bench.chain.request_many([BALANCE, CALL], BLOCK) == [7, 7]
    both = ["eth_getBalance", "eth_call"]
    # The second time it is known.
    assert node.asked == ["eth_chainId", *both, *both, "eth_getBlockByNumber", *both, "eth_getBlockByNumber"]
    assert node.requests == 4
    assert node.params[-1] == ["0x9", False]


@pytest.mark.parametrize(
    "header", [None, {}, {"number": "0x9", "hash": "0x" + "98" * 32}, {**HEADER, "number": "0xa"}]
)
async def test_an_endpoint_on_another_fork_is_not_believed(header: object) -> None:
    async with chain_over(
        at_block(1, takes_hashes=False, header=header), at_block(2, takes_hashes=True)
    ) as bench:
        assert await bench.chain.call(ADDRESS, b"", read_byte, at=BLOCK) == 2


async def test_a_block_that_is_gone_is_no_answer() -> None:
    """Its hash is not canonical any more, and its number is another block's."""
    gone = error(-32000, "hash is not currently canonical")

    async def answer(request: Any, question: Any) -> Any:
        if by_hash(question["params"][1]):
            return await gone(request, question)
        return said(question, result="0x01")

    fork = {**HEADER, "hash": "0x" + "98" * 32}
    node = Node(results={"eth_call": answer, "eth_getBlockByNumber": fork})
    async with chain_over(node) as bench:
        with pytest.raises(ChainUnreachable, match="on another fork"):
            await bench.chain.call(ADDRESS, b"", read_byte, at=BLOCK)


async def test_a_revert_at_a_block_is_an_answer() -> None:
    node = at_block(7, takes_hashes=True)
    node.results["eth_call"] = error(3, "execution reverted")
    async with chain_over(node) as bench:
        with pytest.raises(Reverted):
            await bench.chain.call(ADDRESS, b"", read_byte, at=BLOCK)
    assert node.asked == ["eth_chainId", "eth_call"]


async def test_a_rate_limit_says_nothing_about_hashes() -> None:
    node = at_block(7, takes_hashes=True)
    node.results["eth_call"] = error(-32005, "limit exceeded")
    async with chain_over(node) as bench:
        with pytest.raises(ChainUnreachable, match="limit exceeded"):
            await bench.chain.call(ADDRESS, b"", read_byte, at=BLOCK)
    assert node.asked == ["eth_chainId", "eth_call"]


async def test_an_endpoint_that_comes_back_is_asked_by_hash_again() -> None:
    node = at_block(7, takes_hashes=False)
    async with chain_over(node) as bench:
        assert await bench.chain.call(ADDRESS, b"", read_byte, at=BLOCK) == 7
        node.behaviour = plain("", 500)
        with pytest.raises(ChainUnreachable):
            await head(bench)
        node.behaviour, node.results = None, at_block(8, takes_hashes=True).results
        bench.clock.now += 1
        del node.results["eth_getBlockByNumber"]
        assert await bench.chain.call(ADDRESS, b"", read_byte, at=BLOCK) == 8


@pytest.mark.parametrize("result", [None, "0x", "0x0708", "07", 7])
async def test_answers_to_calls_that_cannot_be_used(result: object) -> None:
    async with chain_over(Node(results={"eth_call": result}), good()) as bench:
        assert await bench.chain.call(ADDRESS, b"", read_byte) == 7


@pytest.mark.parametrize("method", ["eth_sendRawTransaction", "eth_estimateGas", "eth_getLogs"])
async def test_some_questions_may_be_refused(method: str) -> None:
    second = good()
    async with chain_over(Node(results={method: error(-32000, "nonce too low")}), second) as bench:
        with pytest.raises(NodeRefused, match="nonce too low"):
            await bench.chain.request(method, [], read_quantity)
    assert second.asked == []


async def test_a_range_that_is_too_large_is_for_whoever_asked() -> None:
    node = Node(results={"eth_getLogs": error(-32005, "query returned more than 10000 results")})
    async with chain_over(node) as bench:
        with pytest.raises(NodeRefused, match="10000"):
            await bench.chain.request("eth_getLogs", [], read_quantity)


async def test_many_who_fail_at_once_count_once() -> None:
    first, second = Node(behaviour=plain("", 500)), good(2)
    async with chain_over(first, second) as bench:
        assert await asyncio.gather(*(head(bench) for _ in range(20))) == [2] * 20
        bench.clock.now += 1
        first.behaviour, first.results = None, good(1).results
        assert await head(bench) == 1


async def test_slow_endpoints_do_not_hold_up_others_who_ask() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_request: object, question: object) -> object:
        entered.set()
        await leave.wait()
        return said(question, result="0x1")

    node = Node(results={"eth_gasPrice": slow, "eth_blockNumber": "0x7"})
    async with chain_over(node) as bench:
        waiting = asyncio.create_task(bench.chain.quantity("eth_gasPrice"))
        await entered.wait()
        assert await head(bench) == 7
        leave.set()
        assert await waiting == 1


async def test_failures_and_recoveries_are_logged_without_keys(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first = Node(behaviour=plain("", 500))
    async with chain_over(first, good(2)) as bench:
        await head(bench)
        first.behaviour, first.results = None, good(1).results
        bench.clock.now += 1
        await head(bench)
        await head(bench)
    found = [(record.message, vars(record)["chain"]) for record in caplog.records]
    assert found == [("a chain endpoint failed", CHAIN_ID), ("a chain endpoint works again", CHAIN_ID)]
    assert not any("KEY" in str(vars(record)) for record in caplog.records)


# -- contracts that strangers chose

CONTROL: Question[object] = Question(Request("eth_call", [{"to": "0x00"}, "latest"]), read_data)


def about(*contracts: str) -> list[Question[int]]:
    requests = (Request("eth_call", [{"to": contract}, "latest"], 32) for contract in contracts)
    return [Question(request, lambda data: read_byte(read_data(data))) for request in requests]


def contracts_that(behaviours: dict[str, Any]) -> Node:
    """Make a node that answers calls by the contract; the control has an answer unless it is among them."""

    async def call(_request: Any, question: Any) -> Any:
        return said(question, **({"0x00": {"result": "0x"}} | behaviours)[question["params"][0]["to"]])

    return Node(results={"eth_call": call, "eth_blockNumber": "0x7"})


def shown(outcomes: list[int | Reverted | ContractFault]) -> list[object]:
    return [one if isinstance(one, int) else type(one) for one in outcomes]


async def test_what_is_wrong_with_a_strangers_contract_is_no_failure_of_the_endpoint() -> None:
    node = contracts_that(
        {
            "0x01": {"result": "0x07"},
            "0x02": {"error": {"code": 3, "message": "execution reverted"}},
            "0x03": {"error": {"code": -32000, "message": "out of gas"}},
            "0x04": {"result": "0x0707"},
            "0x05": {"result": {"a": "number"}},
            "0x06": {"result": None},
        }
    )
    async with chain_over(node) as bench:
        outcomes = await bench.chain.ask_about(about("0x01", "0x02", "0x03", "0x04", "0x05", "0x06"), CONTROL)
        assert await head(bench) == 7
    assert shown(outcomes) == [7, Reverted, *[ContractFault] * 4]
    assert node.requests == 3


@pytest.mark.parametrize(
    "said_by_contract",
    [
        {"result": "0x" + "00" * 2**20},
        {"error": {"code": 3, "message": "execution reverted: " + "{" * 600}},
    ],
    ids=["a megabyte", "a reason that looks like many objects"],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_an_answer_that_breaks_the_exchange_is_the_contracts_fault_too(
    said_by_contract: dict[str, Any], status: int
) -> None:
    node = contracts_that({"0x01": said_by_contract})
    answer_all = node.answer

    async def behave(request: Any, asked: Any) -> Any:
        node.behaviour = None
        answer = await answer_all(request)
        node.behaviour = behave
        if isinstance(asked, list):
            answer.set_status(status)
        return answer

    node.behaviour = behave
    async with chain_over(node) as bench:
        assert shown(await bench.chain.ask_about(about("0x01"), CONTROL)) == [ContractFault]
        assert await head(bench) == 7


@pytest.mark.parametrize(
    "behaviours",
    [
        {"0x00": {"error": {"code": 3, "message": "execution reverted"}}},
        {"0x00": {"error": {"code": -32000, "message": "header not found"}}},
        {"0x00": {"result": 7}},
        {"0x01": {"error": {"code": 429, "message": "slow down"}}},
    ],
    ids=["reverts", "is behind", "is of another type", "limits rates"],
)
async def test_an_endpoint_that_fails_the_control_says_nothing_of_a_contract(
    behaviours: dict[str, Any],
) -> None:
    bad, second = (
        contracts_that({"0x01": {"result": "0x01"}} | behaviours),
        contracts_that({"0x01": {"result": "0x02"}}),
    )
    async with chain_over(bad, second) as bench:
        assert await bench.chain.ask_about(about("0x01"), CONTROL) == [2]


@pytest.mark.parametrize("behaviour", [drop, plain("", 500), plain("{}"), plain(b" " * 2**20)])
async def test_an_endpoint_that_answers_nothing_usable_at_all_says_nothing_of_a_contract(
    behaviour: Behaviour,
) -> None:
    node = contracts_that({"0x01": {"result": "0x01"}})
    async with chain_over(node) as bench:
        assert await bench.chain.ask_about(about("0x01"), CONTROL) == [1]
        node.behaviour = behaviour
        with pytest.raises(ChainUnreachable):
            await bench.chain.ask_about(about("0x01"), CONTROL)


async def test_only_what_runs_contracts_can_be_reverted() -> None:
    bad = Node(results={"eth_blockNumber": error(3, "execution reverted")})
    async with chain_over(bad, good(2)) as bench:
        assert await head(bench) == 2


# -- one endpoint, and which it is

LOGS = Question(Request("eth_getLogs", [{}]), read_quantity)


def chain_of(*nodes: Scripted, clock: Clock | None = None) -> Chain:
    return Chain(CHAIN_ID, nodes, clock=clock or Clock(), jitter=lambda: 1.0)


def saying(answer: Answer, name: str) -> Scripted:
    return Scripted(lambda _request: answer, name=name)


async def test_anything_that_answers_is_an_endpoint() -> None:
    assert await chain_of(saying(Result("0x7"), "one")).quantity("eth_blockNumber") == 7


async def test_it_is_said_which_endpoint_answered() -> None:
    chain = chain_of(saying(RpcError(-32000, "header not found"), "one"), saying(Result("0x7"), "two"))
    assert await chain.ask_one([HEIGHT] * 2, RequestBudget(9)) == Answered("two", [7, 7])


async def test_endpoints_of_one_name_are_told_apart() -> None:
    chain = chain_of(*(saying(Result("0x7"), "host") for _ in range(3)))
    assert [one.name for one in chain.health()] == ["host", "host #2", "host #3"]
    answered = await chain.ask_one([HEIGHT], RequestBudget(9), without=["host", "host #2"])
    assert answered.endpoint == "host #3"


async def test_a_second_endpoint_can_be_asked() -> None:
    chain = chain_of(saying(Result("0x7"), "one"), saying(Result("0x8"), "two"))
    first = await chain.ask_one([HEIGHT], RequestBudget(9))
    assert await chain.ask_one([HEIGHT], RequestBudget(9), without=[first.endpoint]) == Answered("two", [8])
    with pytest.raises(ChainUnreachable, match="no other endpoint"):
        await chain.ask_one([HEIGHT], RequestBudget(9), without=["one", "two"])


async def test_only_the_endpoint_that_is_named_is_asked() -> None:
    one, two = saying(Result("0x7"), "one"), saying(RpcError(-32000, "header not found"), "two")
    chain = chain_of(one, two)
    assert (await chain.ask_one([HEIGHT], RequestBudget(9), of="one")).endpoint == "one"
    for match in ("header not found", "it rests"):
        with pytest.raises(EndpointFailure, match=match):
            await chain.ask_one([HEIGHT], RequestBudget(9), of="two")
    assert two.asked == ["eth_chainId", "eth_blockNumber"]
    with pytest.raises(LookupError):
        await chain.ask_one([HEIGHT], RequestBudget(9), of="three")


async def test_refusals_are_outcomes_where_they_are_handled() -> None:
    too_large = RpcError(-32005, "query returned more than 10000 results")
    chain = chain_of(saying(too_large, "one"), saying(Result("0x7"), "two"))
    refused = Refused(Refusal.RANGE_TOO_LARGE, too_large.words)
    assert await chain.ask_one([LOGS], RequestBudget(9)) == Answered("one", [refused])
    assert await chain.ask_one([LOGS], RequestBudget(9), handled=()) == Answered("two", [7])


async def test_unknown_words_are_the_endpoint_s_failure_unless_handled() -> None:
    chain = chain_of(saying(RpcError(-32000, "oops"), "one"), saying(Result("0x7"), "two"))
    answered = await chain.ask_one([LOGS], RequestBudget(9), handled=[Refusal.UNKNOWN])
    assert answered == Answered("one", [Refused(Refusal.UNKNOWN, "oops (code -32000)")])
    assert (await chain.ask_one([LOGS], RequestBudget(9))).endpoint == "two"


async def test_the_budget_is_for_all_endpoints_together() -> None:
    chain = chain_of(saying(RpcError(-32000, "oops"), "one"), saying(Result("0x7"), "two"))
    budget = RequestBudget(3)
    # Two for the one that fails, one for the other's chain id.
    assert await chain.ask_one([HEIGHT], budget) == Answered("two", [NOT_ASKED])
    assert budget.left == 0


async def test_an_endpoint_that_lies_is_left_alone() -> None:
    clock = Clock()
    chain = chain_of(saying(Result("0x7"), "one"), saying(Result("0x8"), "two"), clock=clock)
    assert await chain.quantity("eth_blockNumber") == 7
    chain.mark_failed("one", "its head went back")
    assert chain.health()[0] == EndpointHealth("one", "its head went back", 1.0)
    assert await chain.quantity("eth_blockNumber") == 8
    clock.now += 1
    assert await chain.quantity("eth_blockNumber") == 7
    assert chain.health()[0] == EndpointHealth("one", "", 0.0)


async def test_an_endpoint_that_lies_again_and_again_rests_longer() -> None:
    clock = Clock()
    chain = chain_of(saying(Result("0x7"), "one"), clock=clock)
    rests = []
    for _ in range(4):
        assert await chain.quantity("eth_blockNumber") == 7
        chain.mark_failed("one", "its head stands still")
        rests.append(chain.health()[0].rest_s)
        clock.now += rests[-1]
    assert rests == [1.0, 2.0, 4.0, 8.0]


async def test_it_rests_as_long_as_it_is_told_to() -> None:
    chain = chain_of(saying(Result("0x7"), "one"))
    chain.mark_failed("one", "too many requests", 60.0)
    assert chain.health()[0].rest_s == 60.0


async def test_a_rate_limit_in_an_answer_of_status_200_is_honoured() -> None:
    first = Node(
        results={"eth_blockNumber": error(-32005, "too many requests", data={"backoff_seconds": 300})}
    )
    async with chain_over(first, good(2)) as bench:
        assert await head(bench) == 2
        bench.clock.now += 299
        assert await head(bench) == 2
        assert first.asked.count("eth_blockNumber") == 1
        bench.clock.now += 1
        assert await head(bench) == 2
        assert first.asked.count("eth_blockNumber") == 2


async def test_what_strangers_make_too_long_is_no_failure_of_the_endpoint() -> None:
    node = good()
    node.results["eth_getTransactionReceipt"] = "0x" + "00" * 2**20
    receipt = Question(Request("eth_getTransactionReceipt", ["0x00"]), read_data)
    async with chain_over(node) as bench:
        for questions in ([receipt], [receipt, receipt], [receipt] * 40):
            answers = await bench.chain.request_unless_long(questions)
            assert {type(answer) for answer in answers} == {AnswerTooLong}
        # It has no rest: the next question goes to it.
        assert await bench.chain.request_unless_long([HEIGHT, HEIGHT]) == [7, 7]


async def test_other_failures_of_such_questions_are_the_endpoints() -> None:
    first, second = good(1), good(2)
    first.results["eth_blockNumber"] = None
    async with chain_over(first, second) as bench:
        assert await bench.chain.request_unless_long([HEIGHT]) == [2]


async def test_such_questions_keep_to_a_budget() -> None:
    async with chain_over(good()) as bench:
        budget = RequestBudget(2)
        # The chain's id is asked for once, before.
        assert await bench.chain.request_unless_long([HEIGHT], budget) == [7]
        with pytest.raises(BudgetSpent):
            await bench.chain.request_unless_long([HEIGHT], budget)


async def test_a_head_of_an_answer_says_too_how_long_to_wait() -> None:
    async def slow_down(_request: Any, question: Any) -> Any:
        answer = said(question, error={"code": -32005, "message": "too many requests"})
        answer.headers["Retry-After"] = "300"
        return answer

    first = Node(results={"eth_blockNumber": slow_down})
    first.behaviour = None
    async with chain_over(first, good(2)) as bench:
        assert await bench.chain.request_many([HEIGHT]) == [2]
        assert bench.chain.health()[0].rest_s == 300
