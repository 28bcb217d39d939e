"""A poller on the real development chain, behind endpoints that do all kinds of things wrong."""

import gc
import logging
import resource
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from web3.types import Wei

from minirelay.chain.balance_chunks import Pair
from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.findings import ChainReader, Findings, FoundBalance, FoundLog, LogFilter
from minirelay.chain.poller import Poller, Start
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.errors import MinirelayError
from minirelay.protocol.addresses import MULTICALL_ADDRESS, NATIVE_COIN
from minirelay.protocol.signing import keccak256
from tests.chain import faults
from tests.chain.faults import Fault
from tests.chain.faulty_proxy import FaultyProxy, faulty_proxies
from tests.chain.nodes import CHAIN_ID, Clock
from tests.chain.polling import KeptProgress
from tests.chain.provider_words import BATCHES, BLOCKS, RANGES, RATES, Words
from tests.chain_fixtures import Contracts, rpc

TRANSFER = keccak256(b"Transfer(address,address,uint256)")
TIMEOUT_S = 0.5


class Watch:
    """Wants the transfers of a token, and the coins of some holders. found: to whom, in order."""

    def __init__(self, token: bytes, holders: Sequence[bytes]) -> None:
        self._token = token
        self._holders = holders
        self.found: list[bytes] = []
        self.rich: set[bytes] = set()
        self.faults: list[object] = []

    def filters(self) -> Sequence[LogFilter]:
        return [LogFilter(self._token, (TRANSFER,))]

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:
        return []

    def wants(self, log: FoundLog, /) -> bool:
        return True

    def balances(self, now: int, /) -> Sequence[Pair]:
        return [(NATIVE_COIN, holder) for holder in self._holders if holder not in self.rich]

    def wants_balance(self, balance: FoundBalance, /) -> bool:
        return balance.amount > 0

    def is_needed(self) -> bool:
        return True

    async def take(self, findings: Findings, reader: ChainReader, /) -> Sequence[str]:
        self.found += [one for log in findings.deep if (one := log.topics[2][12:]) not in self.found]
        self.rich |= {one.holder for at in findings.deep_balances for one in at.balances}
        return []


@dataclass
class World:
    """The chain, endpoints in front of it, and a poller. sent: who got tokens; paid: who got coins."""

    contracts: Contracts
    proxies: list[FaultyProxy]
    chain: Chain
    clock: Clock
    watch: Watch
    poller: Poller[str]
    paid: list[bytes]
    sent: list[bytes] = field(default_factory=list)

    def mint(self, count: int = 1) -> None:
        """Let strangers get tokens, each in a block of its own."""
        for _ in range(count):
            to = secrets.token_bytes(20)
            call = self.contracts.eddies.functions.mint(self.contracts.eddies.w3.to_checksum_address(to), 1)
            call.transact({"from": ACCOUNTS[0].address})
            self.sent.append(to)

    def pay(self) -> None:
        """Let all that are looked at have coins."""
        for holder in self.paid:
            to = self.contracts.eddies.w3.to_checksum_address(holder)
            self.contracts.eddies.w3.eth.send_transaction(
                {"from": ACCOUNTS[0].address, "to": to, "value": Wei(7)}
            )

    async def poll(self, times: int = 40) -> int:
        """Poll until all is found, at most so many times; gives how often."""
        for polls in range(1, times + 1):
            self.clock.now += 4
            try:
                await self.poller.poll()
            except MinirelayError:
                continue
            if self.is_all_found:
                return polls
        raise AssertionError(
            f"{len(self.watch.found)} of {len(self.sent)}, {len(self.watch.rich)} of {len(self.paid)}"
        )

    @property
    def is_all_found(self) -> bool:
        return self.watch.found == self.sent and self.watch.rich >= set(self.paid)


@asynccontextmanager
async def world(
    dev_chain: DevChain, contracts: Contracts, fault: Fault, *, alone: bool = False
) -> AsyncIterator[World]:
    """Make a poller over an endpoint with a fault, and one without unless the first is alone."""
    w3 = contracts.eddies.w3
    head = w3.eth.block_number
    paid = [secrets.token_bytes(20) for _ in range(3)]
    async with faulty_proxies(dev_chain.rpc_url, 1 if alone else 2) as proxies, open_http() as http:
        proxies[0].fault = fault
        clock = Clock()
        endpoints = http_endpoints(
            [proxy.url for proxy in proxies], http, timeout_s=TIMEOUT_S if not alone else 10
        )
        chain = Chain(CHAIN_ID, endpoints, clock=clock, jitter=lambda: 1.0)
        watch = Watch(bytes.fromhex(contracts.eddies.address[2:]), paid)
        poller = Poller(
            chain,
            [watch],
            KeptProgress(),
            BalanceReader(chain, MULTICALL_ADDRESS, clock=clock),
            Depths(1, is_development=True),
            lambda: datetime.now(UTC),
            start=Start(head),
            clock=clock,
        )
        yield World(contracts, proxies, chain, clock, watch, poller, paid)


GARBAGE: list[object] = [
    *(None, "", 7, -1, True, {}, [], [[]], [None], "0x", "0x" + "f" * 200),
    {"number": "0x1"},
    [{"address": "0x00"}],
    {"number": "0xffffffffffff", "hash": "0x" + "00" * 32, "parentHash": "0x" + "00" * 32, "timestamp": "0"},
]

FAILING: dict[str, Fault] = {
    "hang": faults.hang,
    "disconnect": faults.disconnect,
    "page": faults.Page(),
    "page of 200": faults.Page(status=200),
    "deep": faults.Page(b"[" * 10**6, 200),
    "containers": faults.Page(b'{"jsonrpc":"2.0","id":1,"result":[' + b"[]," * 10**5 + b"[]]}", 200),
    "100 MB": faults.Huge(),
    "bomb": faults.bomb(),
    "429": faults.TooManyRequests(RATES[0]),
    "a rate limit in a 200": faults.TooManyRequests(RATES[0], 200),
    "other chain": faults.OtherChain(1),
    "internal error": faults.Page(
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"internal"}}', 500
    ),
    **{f"garbage {number}": faults.Garbage(one) for number, one in enumerate(GARBAGE)},
    **{
        f"blocks that are {number}": faults.Garbage(one, ["eth_getBlockByNumber"])
        for number, one in enumerate(GARBAGE)
        if one is not None
    },
    **{str(words): faults.Refusing(words, ["eth_getBlockByNumber"]) for words in BLOCKS[:4]},
}
"""Faults of an endpoint, after which the next one is asked."""


@pytest.mark.parametrize("name", FAILING)
async def test_the_next_endpoint_is_asked(
    name: str, dev_chain: DevChain, contracts: Contracts, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(dev_chain, contracts, FAILING[name]) as here:
        here.mint(3)
        here.pay()
        for _ in range(3):
            # So soon that the faulty one rests after its first failure.
            here.clock.now += 0.1
            await here.poller.poll()
        assert here.is_all_found
        # One request, or a few where what is wrong may be the batch.
        assert here.proxies[0].requests <= 6
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line.message for line in lines] == ["a chain endpoint failed"]
    assert "KEY" not in str(vars(lines[0]))


async def test_what_works_again_is_asked_again(dev_chain: DevChain, contracts: Contracts) -> None:
    async with world(dev_chain, contracts, faults.disconnect) as here:
        here.mint()
        here.pay()
        await here.poll()
        here.proxies[0].fault = faults.no_fault
        here.mint()
        here.clock.now += 120
        before = here.proxies[1].requests
        await here.poll()
        assert here.proxies[1].requests == before


BEHIND: dict[str, Fault] = {
    "behind": faults.Behind(2),
    "far behind": faults.Behind(100),
    "goes back": faults.GoingBack(2),
    "no logs": faults.without_logs,
    "no state": faults.Pruned(0),
}


@pytest.mark.parametrize("name", BEHIND)
async def test_nothing_is_missed_where_an_endpoint_is_behind(
    name: str, dev_chain: DevChain, contracts: Contracts
) -> None:
    async with world(dev_chain, contracts, BEHIND[name]) as here:
        here.pay()
        for _ in range(4):
            here.mint(2)
            for _ in range(3):
                here.clock.now += 4
                try:
                    await here.poller.poll()
                except MinirelayError:
                    continue
        here.proxies[0].fault = faults.no_fault
        here.mint()
        await here.poll()


async def test_nothing_is_missed_where_the_head_stands_still(
    dev_chain: DevChain, contracts: Contracts
) -> None:
    async with world(dev_chain, contracts, faults.no_fault) as here:
        here.pay()
        here.mint()
        await here.poll()
        here.proxies[0].fault = faults.Behind(at=contracts.eddies.w3.eth.block_number)
        here.mint(3)
        await here.poller.poll()
        here.proxies[0].fault = faults.no_fault
        await here.poll()


# -- what is no fault, but the way of a provider: there is no other endpoint

SIZES = (10_000, 500, 10, 5, 1)
CUTS = [(words, SIZES[place % len(SIZES)], 413 if place % 2 else 200) for place, words in enumerate(RANGES)]


@pytest.mark.parametrize(("words", "blocks", "status"), CUTS, ids=str)
async def test_ranges_are_cut_to_what_is_given(
    words: Words, blocks: int, status: int, dev_chain: DevChain, contracts: Contracts
) -> None:
    fault = faults.ShortRanges(blocks, words, status)
    async with world(dev_chain, contracts, fault, alone=True) as here:
        here.pay()
        here.mint(2)
        rpc(contracts.eddies.w3, "anvil_mine", hex(30))
        here.mint(2)
        await here.poll()
        assert fault.largest >= min(blocks, 20)


WAYS: dict[str, Fault] = {
    "reordered": faults.reorder,
    "half": faults.answer_half,
    "the first": faults.answer_the_first,
    **{f"most {most}: {words}": faults.MostInBatch(most, words) for most in (1, 3, 10) for words in BATCHES},
    "each": faults.MostInBatch(1, BATCHES[0], is_for_all=False),
    "status 500": faults.MostInBatch(3, BATCHES[0], status=500),
    "status 400": faults.MostInBatch(1, BATCHES[1], status=400, is_for_all=False),
}


@pytest.mark.parametrize("name", WAYS)
async def test_batches_are_taken_as_they_are_given(
    name: str, dev_chain: DevChain, contracts: Contracts, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(dev_chain, contracts, WAYS[name], alone=True) as here:
        here.pay()
        here.mint(3)
        await here.poll()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# -- memory


def resident_bytes() -> int:
    """Return how much memory the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


HOSTILE = ("page of 200", "deep", "containers", "100 MB", "bomb", "a rate limit in a 200", "garbage 10")


async def test_hostile_answers_take_no_memory(
    dev_chain: DevChain, contracts: Contracts, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = 12
    async with world(dev_chain, contracts, faults.no_fault) as here:
        here.mint()
        here.pay()
        await here.poll()
        sizes = []
        for _ in range(rounds):
            for name in HOSTILE:
                fault = FAILING[name]
                if isinstance(fault, faults.Huge):
                    fault.sent = 0
                here.proxies[0].fault = fault
                here.clock.now += 4000
                here.mint()
                await here.poll()
                if isinstance(fault, faults.Huge):
                    # Of 100 MB so much as a head may have, and what is on its way.
                    assert fault.sent < 16 << 20
            gc.collect()
            sizes.append(resident_bytes())
    # What the first rounds warm up is no growth.
    assert sizes[-1] - sizes[2] < 32 << 20
    failed = [record for record in caplog.records if record.message == "a chain endpoint failed"]
    assert len(failed) == rounds * len(HOSTILE)
