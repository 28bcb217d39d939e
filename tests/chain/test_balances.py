"""Balances of many addresses: in few requests, from strangers' tokens, on endpoints of all kinds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from eth_abi.abi import decode, encode

from minirelay.chain.balance_chunks import MOST_CHUNKS, SMALLER
from minirelay.chain.balances import (
    CODE_CHECK_S,
    MOST_ALONE,
    MOST_ALONE_OF_A_TOKEN,
    BalanceReader,
    BalancesRead,
)
from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.request_budget import RequestBudget
from minirelay.dev.accounts import ACCOUNTS
from minirelay.protocol.abi import address_bytes
from minirelay.protocol.addresses import MULTICALL_ADDRESS, NATIVE_COIN
from minirelay.protocol.block_id import BlockId, read_block_id
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError, read_data, write_data
from tests.chain.nodes import Clock
from tests.chain.scripted import CHAIN_ID, Scripted
from tests.chain_fixtures import Contracts

BLOCK = BlockId(9, b"\x99" * 32)
HEADER = {"number": "0x9", "hash": "0x" + "99" * 32}
GET_ETH_BALANCE = bytes.fromhex("4d2301cc")
BALANCE_OF = bytes.fromhex("70a08231")
AGGREGATE3 = bytes.fromhex("82ad56cb")
LOW_GAS = 2_600

OUT_OF_GAS = RpcError(-32000, "out of gas")

Behaviour = Callable[[bytes], tuple[bool, bytes]]


def token(number: int) -> bytes:
    return bytes([0x22]) * 19 + bytes([number])


def holder(number: int) -> bytes:
    return bytes([0x11]) * 18 + number.to_bytes(2)


def amount(of: bytes, who: bytes) -> int:
    return of[-1] * 10**6 + int.from_bytes(who[-2:])


def word(number: int) -> bytes:
    return number.to_bytes(32)


@dataclass
class Node(Scripted):
    """A node with Multicall3. tokens: what those do that aren't right; gas: what each balance takes.

    aggregated: of how many calls each answer was made.
    """

    say: Callable[[Request], Answer] = field(init=False)
    tokens: dict[bytes, Behaviour] = field(default_factory=dict)
    alone: dict[bytes, Answer] = field(default_factory=dict)
    gas: dict[bytes, int] = field(default_factory=dict)
    most_gas: int = 50_000_000
    has_code: bool = True
    takes_hashes: bool = True
    broken: Answer | None = None
    aggregated: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.say = self._say

    def _say(self, request: Request) -> Answer:
        if request.method == "eth_getBlockByNumber":
            return Result(HEADER)
        if request.method == "eth_getCode":
            return Result("0x6001" if self.has_code else "0x")
        if self.broken is not None:
            return self.broken
        if not self.takes_hashes and isinstance(request.params[-1], dict):
            return RpcError(-32602, "invalid argument 1: hex string expected")
        if request.method == "eth_getBalance":
            return Result(hex(amount(NATIVE_COIN, read_data(request.params[0]))))
        return self._call(request.params[0])

    def _call(self, call: object) -> Answer:
        assert isinstance(call, dict)
        to, data, gas = read_data(call["to"]), read_data(call["data"]), int(call["gas"], 16)
        assert gas <= 40_000_000
        if gas > self.most_gas:
            return RpcError(-32000, "gas limit is too high")
        if to != MULTICALL_ADDRESS:
            return self.alone.get(to) or Result(write_data(self._balance(to, data)[1]))
        (calls,) = decode(["(address,bool,bytes)[]"], data.removeprefix(AGGREGATE3))
        self.aggregated.append(len(calls))
        if sum(self.gas.get(address_bytes(target), LOW_GAS) for target, _, _ in calls) > gas:
            return OUT_OF_GAS
        results = [self._balance(address_bytes(target), asked) for target, _, asked in calls]
        return Result(write_data(encode(["(bool,bytes)[]"], [results])))

    def _balance(self, target: bytes, data: bytes) -> tuple[bool, bytes]:
        selector, who = data[:4], data[16:]
        if target == MULTICALL_ADDRESS:
            assert selector == GET_ETH_BALANCE
            return True, word(amount(NATIVE_COIN, who))
        assert selector == BALANCE_OF
        behaviour = self.tokens.get(target)
        return behaviour(who) if behaviour else (True, word(amount(target, who)))


def reader_over(
    *nodes: Node, multicall: bytes | None = MULTICALL_ADDRESS, clock: Clock | None = None
) -> BalanceReader:
    used = clock or Clock()
    return BalanceReader(Chain(CHAIN_ID, nodes, clock=used, jitter=lambda: 1.0), multicall, clock=used)


def right(pairs: Sequence[tuple[bytes, bytes]]) -> dict[tuple[bytes, bytes], int]:
    return {(of, who): amount(of, who) for of, who in pairs}


def pairs_of(of: bytes, count: int) -> list[tuple[bytes, bytes]]:
    return [(of, holder(number)) for number in range(count)]


async def read(node: Node, pairs: Sequence[tuple[bytes, bytes]], requests: int = 10) -> BalancesRead:
    return await reader_over(node).read(pairs, BLOCK, RequestBudget(requests))


async def test_two_thousand_balances_take_one_request() -> None:
    node, pairs = Node(), [*pairs_of(NATIVE_COIN, 1500), *pairs_of(token(1), 400), *pairs_of(token(2), 100)]
    reader = reader_over(node)
    assert (await reader.read(pairs, BLOCK, RequestBudget(10))).amounts == right(pairs)
    # The chain's id and the code, once.
    assert node.sizes == [1, 1, 6]
    assert node.aggregated == [1, 500, 500, 500, 400, 100]
    assert (await reader.read(pairs, BLOCK, RequestBudget(1))).amounts == right(pairs)
    assert node.sizes == [1, 1, 6, 6]


async def test_where_blocks_are_named_by_number_the_header_is_asked_for_behind_them() -> None:
    node, pairs = Node(takes_hashes=False), pairs_of(NATIVE_COIN, 600)
    assert (await read(node, pairs)).amounts == right(pairs)
    assert node.asked[-1] == "eth_getBlockByNumber"


async def test_without_multicall_balances_are_asked_for_in_batches() -> None:
    node = Node(has_code=False)
    pairs = [*pairs_of(NATIVE_COIN, 150), *pairs_of(token(1), 50)]
    assert (await read(node, pairs)).amounts == right(pairs)
    assert node.sizes == [1, 1, 100, 100, 1]
    assert node.aggregated == []


async def test_what_the_budget_does_not_reach_is_not_there() -> None:
    node = Node(has_code=False)
    found = await read(node, pairs_of(NATIVE_COIN, 250), 4)
    # The chain's id and the code; then 199 of them, and one that is asked as a control.
    assert found.amounts == right(pairs_of(NATIVE_COIN, 199))
    assert found.faults == {}
    assert node.sizes == [1, 1, 100, 100]


@pytest.mark.parametrize("requests", [0, 1, 2])
async def test_with_next_to_no_budget_nothing_is_found_and_nobody_blamed(requests: int) -> None:
    node = Node()
    assert await read(node, pairs_of(NATIVE_COIN, 3), requests) == BalancesRead("scripted")
    assert len(node.sizes) == requests


async def test_by_number_and_without_multicall_the_header_fits_into_the_budget() -> None:
    node = Node(has_code=False, takes_hashes=False)
    reader = reader_over(node)
    await reader.read(pairs_of(NATIVE_COIN, 3), BLOCK, RequestBudget(10))
    found = await reader.read(pairs_of(NATIVE_COIN, 900), BLOCK, RequestBudget(5))
    assert found.amounts == right(pairs_of(NATIVE_COIN, 398))


async def test_an_address_where_multicall_is_deployed_later_is_looked_at_again() -> None:
    node, clock = Node(has_code=False), Clock()
    reader = reader_over(node, clock=clock)
    pairs = pairs_of(NATIVE_COIN, 3)
    for seconds in (0.0, CODE_CHECK_S - 1, 1):
        clock.now += seconds
        await reader.read(pairs, BLOCK, RequestBudget(10))
    assert node.asked.count("eth_getCode") == 2
    node.has_code = True
    clock.now += CODE_CHECK_S
    await reader.read(pairs, BLOCK, RequestBudget(10))
    assert node.aggregated == [1, 3]


async def test_it_is_not_used_where_it_is_not_wanted() -> None:
    node, pairs = Node(), pairs_of(NATIVE_COIN, 3)
    reader = reader_over(node, multicall=None)
    assert (await reader.read(pairs, BLOCK, RequestBudget(10))).amounts == right(pairs)
    assert "eth_getCode" not in node.asked
    assert node.aggregated == []


# -- tokens that strangers wrote

NO_BALANCES: dict[str, Behaviour] = {
    "reverts": lambda _who: (False, b""),
    "reverts with words": lambda _who: (False, b"\x08\xc3\x79\xa0" + bytes(64)),
    "empty": lambda _who: (True, b""),
    "short": lambda _who: (True, bytes(31)),
    "long": lambda _who: (True, bytes(64)),
}


@pytest.mark.parametrize("name", NO_BALANCES)
async def test_what_is_no_balance_is_asked_for_again_alone(name: str) -> None:
    bad = token(7)
    node = Node(tokens={bad: NO_BALANCES[name]}, alone={bad: Result(write_data(word(5)))})
    pairs = [*pairs_of(NATIVE_COIN, 3), *pairs_of(bad, 2), *pairs_of(token(1), 3)]
    found = await read(node, pairs)
    assert found.amounts == right(pairs) | dict.fromkeys(pairs_of(bad, 2), 5)
    assert found.faults == {}


@pytest.mark.parametrize("name", NO_BALANCES)
@pytest.mark.parametrize(
    "alone",
    [
        Result("0x"),
        Result("0x" + "00" * 31),
        Result("0x" + "00" * 64),
        Result(7),
        RpcError(3, "execution reverted"),
        RpcError(-32000, "out of gas"),
        RpcError(-32000, "invalid opcode: INVALID"),
        RpcError(-32000, "oops"),
    ],
)
async def test_a_token_without_balances_is_at_fault_and_never_at_0(name: str, alone: Answer) -> None:
    bad = token(7)
    node = Node(tokens={bad: NO_BALANCES[name]}, alone={bad: alone})
    others = [*pairs_of(NATIVE_COIN, 3), *pairs_of(token(1), 3)]
    reader = reader_over(node)
    found = await reader.read([*others, *pairs_of(bad, 2)], BLOCK, RequestBudget(10))
    assert found.amounts == right(others)
    assert list(found.faults) == [bad]
    # The endpoint is not.
    assert (await reader.read(others, BLOCK, RequestBudget(1))).amounts == right(others)


async def test_only_the_holders_that_a_token_says_nothing_of_are_missing() -> None:
    picky = token(7)

    def blacklist(who: bytes) -> tuple[bool, bytes]:
        return (False, b"") if who == holder(1) else (True, word(amount(picky, who)))

    node = Node(tokens={picky: blacklist}, alone={picky: RpcError(3, "execution reverted: blacklisted")})
    found = await read(node, pairs_of(picky, 3))
    assert found.amounts == right([(picky, holder(0)), (picky, holder(2))])
    assert found.faults == {picky: "reverted: execution reverted: blacklisted"}


async def test_a_token_that_takes_much_gas_is_asked_for_fewer_at_once() -> None:
    heavy = token(7)
    node = Node(gas={heavy: 150_000})
    reader = reader_over(node)
    pairs = [*pairs_of(NATIVE_COIN, 500), *pairs_of(heavy, 500)]
    assert (await reader.read(pairs, BLOCK, RequestBudget(10))).amounts == right(pairs)
    assert node.aggregated == [1, 500, 500, 1, *[100] * 5]
    node.aggregated.clear()
    assert (await reader.read(pairs, BLOCK, RequestBudget(1))).amounts == right(pairs)
    assert node.aggregated == [1, 500, *[100] * 5]


async def test_a_token_that_burns_all_gas_is_at_fault_and_holds_up_no_other() -> None:
    burner = token(7)
    node = Node(gas={burner: 10**9}, alone={burner: OUT_OF_GAS})
    others = [*pairs_of(NATIVE_COIN, 1000), *pairs_of(token(1), 300)]
    reader = reader_over(node)
    found = await reader.read([*pairs_of(burner, 300), *others], BLOCK, RequestBudget(10))
    assert found.amounts == right(others)
    assert list(found.faults) == [burner]
    # The chain's id, the code, five sizes, and a few alone.
    assert len(node.sizes) == 8
    assert len(node.aggregated) <= 5 * (1 + SMALLER) + 4
    # From then on it is asked for little.
    node.aggregated.clear()
    await reader.read([*pairs_of(burner, 300), *others], BLOCK, RequestBudget(3))
    assert len(node.aggregated) == 1 + MOST_CHUNKS + 3


async def test_of_a_token_that_fails_few_are_asked_for_alone() -> None:
    bad = token(7)
    node = Node(tokens={bad: NO_BALANCES["reverts"]}, alone={bad: Result("0x")})
    await read(node, pairs_of(bad, 400))
    # And the control before them.
    assert node.sizes[-1] == MOST_ALONE_OF_A_TOKEN + 1


async def test_of_many_tokens_that_fail_few_are_asked_for_alone() -> None:
    bad = [token(number) for number in range(30)]
    node = Node(
        tokens=dict.fromkeys(bad, NO_BALANCES["reverts"]),
        alone=dict.fromkeys(bad, RpcError(3, "execution reverted")),
    )
    await read(node, [pair for one in bad for pair in pairs_of(one, 20)], 20)
    alone = node.asked[2 + 1 + len(bad) :]
    assert len(alone) == 1 + MOST_ALONE


async def test_an_endpoint_with_little_gas_is_asked_for_less() -> None:
    node, pairs = Node(most_gas=5_000_000), pairs_of(NATIVE_COIN, 500)
    reader = reader_over(node)
    assert (await reader.read(pairs, BLOCK, RequestBudget(10))).amounts == right(pairs)
    node.aggregated.clear()
    assert (await reader.read(pairs, BLOCK, RequestBudget(1))).amounts == right(pairs)
    assert node.aggregated == [1, *[20] * 25]


# -- endpoints that fail

BROKEN: dict[str, Answer] = {
    "behind": RpcError(-32000, "header not found"),
    "internal": RpcError(-32603, "internal error"),
    "rate": RpcError(-32005, "too many requests"),
    "gas": OUT_OF_GAS,
    "no data": Result(None),
    "empty": Result("0x"),
    "garbage": Result("0x" + "ff" * 320),
    "offsets": Result("0x" + "00" * 640),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("has_code", [True, False])
async def test_an_endpoint_that_gives_none_of_the_coin_itself_blames_no_token(
    name: str, has_code: bool
) -> None:
    first, second = (
        Node(name="one", broken=BROKEN[name], has_code=has_code),
        Node(name="two", has_code=has_code),
    )
    pairs = [*pairs_of(token(1), 2), *pairs_of(NATIVE_COIN, 2)]
    found = await reader_over(first, second).read(pairs, BLOCK, RequestBudget(10))
    assert found == BalancesRead("two", right(pairs))


async def test_without_an_endpoint_nothing_is_known() -> None:
    with pytest.raises(ChainUnreachable, match="at block 9"):
        await read(Node(broken=OUT_OF_GAS), pairs_of(NATIVE_COIN, 2))


async def test_the_endpoint_of_the_poll_is_asked_first() -> None:
    reader = reader_over(Node(name="one"), Node(name="two"))
    pairs = pairs_of(NATIVE_COIN, 2)
    assert (await reader.read(pairs, BLOCK, RequestBudget(10), of="two")).endpoint == "two"


async def test_nothing_is_asked_for_nothing() -> None:
    node = Node()
    assert await read(node, []) == BalancesRead("scripted")
    assert node.sizes == []


async def test_what_is_wanted_twice_is_asked_for_once() -> None:
    node = Node()
    await read(node, pairs_of(NATIVE_COIN, 2) * 2)
    assert node.aggregated == [1, 2]


# -- the real contract


@pytest.mark.parametrize("multicall", [MULTICALL_ADDRESS, None])
async def test_real_balances(chain: Chain, contracts: Contracts, multicall: bytes | None) -> None:
    eddies = bytes.fromhex(contracts.eddies.address[2:])
    payer = ACCOUNTS[0]
    minted = contracts.eddies.functions.mint(payer.address, 4321).transact({"from": payer.address})
    contracts.eddies.w3.eth.wait_for_transaction_receipt(minted)
    at = await chain.request("eth_getBlockByNumber", ["latest", False], read_block_id)
    who = bytes.fromhex(payer.address[2:])
    nobody, no_token = b"\x77" * 20, b"\x78" * 20
    pairs = [(NATIVE_COIN, who), (eddies, who), (eddies, nobody), (NATIVE_COIN, nobody), (no_token, who)]
    found = await BalanceReader(chain, multicall).read(pairs, at, RequestBudget(10))
    coins = contracts.eddies.w3.eth.get_balance(contracts.eddies.w3.to_checksum_address(payer.address))
    eddies_of = contracts.eddies.functions.balanceOf(payer.address).call()
    assert eddies_of >= 4321
    assert found.amounts == {
        (NATIVE_COIN, who): coins,
        (eddies, who): eddies_of,
        (eddies, nobody): 0,
        (NATIVE_COIN, nobody): 0,
    }
    assert found.faults == {no_token: "its balance has 0 bytes"}
