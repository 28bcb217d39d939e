"""What looking at a chain costs: many addresses that wait for money, and nothing at all."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bare_node import BALANCE, NodeProcess, node_process
from minirelay.bench.bench import Bench
from minirelay.bench.meters import LoopMeter
from minirelay.bench.report import Figure, Section, percentile
from minirelay.bench.scenarios.hanging_chain import LISTINGS, write_alone
from minirelay.bench.scenarios.orders import fill_with_orders
from minirelay.bench.selling import CHAIN
from minirelay.bench.target import own_relay
from minirelay.bench.workload import Author, fill
from minirelay.chain.balance_chunks import Pair
from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.findings import ChainReader, Findings, FoundBalance, FoundLog, LogFilter
from minirelay.chain.poller import Poller, Start
from minirelay.config.urls import EndpointUrl
from minirelay.event_loop import loop_factory
from minirelay.payments.chain_memory import ChainMemory
from minirelay.protocol.addresses import ADDRESS_BYTES, MULTICALL_ADDRESS, NATIVE_COIN, PAYMENTS_ADDRESS
from minirelay.protocol.signing import keccak256
from minirelay.relay.clock import utc_now
from minirelay.store.batch import Writable
from minirelay.store.database import Store

ADDRESSES: Final = 2000
TOKENS: Final = 3
INTERVAL_S: Final = 0.2
WARMING_S: Final = 2.0
REQUESTS_BESIDE: Final = 15
"""How many the relay makes at least while it takes writes: five looks."""
_MS_PER_S: Final = 1000


def run(bench: Bench) -> Section:
    """Poll a chain that goes on, with and without Multicall3, and one that stands still."""
    polls = bench.plan.polls
    bench.tell(f"poller: {ADDRESSES:,} addresses, {polls} polls of each kind")
    figures: list[Figure] = []
    for has_multicall in (True, False):
        with node_process(CHAIN, has_multicall=has_multicall) as node:
            busy, quiet = _measure(node, polls, bench.directory)
        where = "with Multicall3" if has_multicall else "without"
        figures += _busy_figures(busy, where)
        if has_multicall:
            figures += _quiet_figures(quiet)
    if bench.running is None:
        bench.tell(f"poller: writes while {ADDRESSES:,} payments are looked at")
        figures += _write_beside(bench)
    notes = (
        f"{ADDRESSES:,} addresses wait for coins and {TOKENS} tokens; a block comes before each poll.",
        "All of the thread that polls counts: HTTP, JSON, the findings, the transaction.",
        f"Writes go to a relay that looks every {INTERVAL_S * _MS_PER_S:.0f} ms, not every 4 s.",
    )
    return Section("poller", "Looking at a chain", tuple(figures), notes)


@dataclass(frozen=True, slots=True)
class _Polls:
    """What each poll was like: requests, milliseconds of CPU, and of the longest turn of the loop.

    addresses: how many were looked at, all polls together.
    """

    requests: list[int]
    cpu_ms: list[float]
    turns_ms: list[float]
    addresses: int


def _busy_figures(polls: _Polls, where: str) -> Iterator[Figure]:
    each = polls.addresses / len(polls.requests)
    yield Figure(f"addresses looked at in a poll, {where}", each, "addresses")
    yield Figure(f"  requests, the most, {where}", max(polls.requests), "requests", goals.POLL_REQUESTS)
    yield Figure(f"  CPU, p50, {where}", percentile(polls.cpu_ms, 0.5), "ms", goals.POLL_CPU_MS)
    yield Figure(f"  longest turn of the loop, p50, {where}", percentile(polls.turns_ms, 0.5), "ms")


def _quiet_figures(polls: _Polls) -> Iterator[Figure]:
    most = max(polls.requests)
    yield Figure("requests of a poll where no block came", most, "requests", goals.QUIET_POLL_REQUESTS)
    yield Figure("  CPU, p50", percentile(polls.cpu_ms, 0.5), "ms")


def _measure(node: NodeProcess, polls: int, directory: Path | None) -> tuple[_Polls, _Polls]:
    with (
        tempfile.TemporaryDirectory(prefix="minirelay-bench-", dir=directory) as data,
        asyncio.Runner(loop_factory=loop_factory()) as runner,
    ):
        return runner.run(_poll(node, polls, Path(data)))


async def _poll(node: NodeProcess, polls: int, directory: Path) -> tuple[_Polls, _Polls]:
    async with await Store.open(directory) as store, open_http() as http:
        chain = Chain(CHAIN, http_endpoints([EndpointUrl(node.url)], http))
        watch = _Addresses()
        poller = Poller(
            chain,
            [watch],
            ChainMemory(store),
            BalanceReader(chain, MULTICALL_ADDRESS),
            Depths(3),
            utc_now,
            start=Start(margin=64),
        )
        # What is done once: the chain's id, the code of Multicall3, the first block.
        await poller.poll()
        busy = await _poll_often(node, poller, watch, polls, is_busy=True)
        while watch.has_more:
            await poller.poll()
        return busy, await _poll_often(node, poller, watch, polls, is_busy=False)


async def _poll_often(
    node: NodeProcess, poller: Poller[Writable], watch: "_Addresses", polls: int, *, is_busy: bool
) -> _Polls:
    each = _Polls([], [], [], -watch.looked_at)
    for _ in range(polls):
        if is_busy:
            node.mine()
        before, begin = node.requests(), time.thread_time()
        async with LoopMeter() as meter:
            await poller.poll()
        each.cpu_ms.append((time.thread_time() - begin) * _MS_PER_S)
        each.turns_ms.append(meter.longest_s * _MS_PER_S)
        each.requests.append(node.requests() - before)
    return replace(each, addresses=each.addresses + watch.looked_at)


def _write_beside(bench: Bench) -> Iterator[Figure]:
    """Write to a relay one by one, while nothing is looked at and while it looks at its payments."""
    writes = bench.plan.lone_writes
    with own_relay(bench.directory) as relay, node_process(CHAIN) as node:
        asyncio.run(fill_with_orders(relay.data_dir, relay.writer, ADDRESSES))
        target = relay.start()
        author = Author(target.writer, target.shop_id)
        with target.session(target.writer) as writer:
            fill(writer, author, range(LISTINGS))
            alone = write_alone(writer, author, writes)
        relay.stop()
        target = relay.start([node.url], poll_interval_s=INTERVAL_S)
        with _mining(node), target.session(target.writer) as writer:
            # The shop is opened, and the payments' addresses are computed.
            write_alone(writer, author, 1)
            time.sleep(WARMING_S)
            before, acks = node.requests(), list[float]()
            while (requests := node.requests() - before) < REQUESTS_BESIDE:
                acks += write_alone(writer, author, writes)
    yield Figure("write to answer, p99, without a chain", percentile(alone, 0.99), "ms")
    yield Figure(f"  beside {ADDRESSES:,} payments, p50", percentile(acks, 0.5), "ms")
    yield Figure("  beside them, p99", percentile(acks, 0.99), "ms", goals.P99_BESIDE_POLLS_MS)
    yield Figure("  requests to the chain meanwhile", requests, "requests")


@contextmanager
def _mining(node: NodeProcess) -> Iterator[None]:
    """Let the chain go on while the block runs, as fast as it is looked at."""
    is_over = threading.Event()

    def mine() -> None:
        while not is_over.wait(INTERVAL_S):
            node.mine()

    thread = threading.Thread(target=mine)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


class _Addresses:
    """Watches many addresses, those first that were looked at longest ago.

    looked_at: how often one was. has_more: some were not looked at in the last poll.
    """

    def __init__(self) -> None:
        tokens = [NATIVE_COIN, *(bytes([n + 1]) * ADDRESS_BYTES for n in range(TOKENS))]
        holders = [keccak256(n.to_bytes(4))[-ADDRESS_BYTES:] for n in range(ADDRESSES)]
        self.looked_at = 0
        self.has_more = True
        # In the order in which they were looked at.
        self._pairs: dict[Pair, None] = dict.fromkeys(
            (tokens[n % len(tokens)], holder) for n, holder in enumerate(holders)
        )
        self._filters = (LogFilter(PAYMENTS_ADDRESS, (keccak256(b"PaymentMade(uint256)"),)),)

    def filters(self) -> Sequence[LogFilter]:
        """Ask for the events of payments."""
        return self._filters

    def ids(self, _log_filter: LogFilter, /) -> Sequence[bytes]:
        """List none."""
        return ()

    def wants(self, _log: FoundLog, /) -> bool:
        """Want whatever comes."""
        return True

    def balances(self, _now: int, /) -> Sequence[Pair]:
        """List all."""
        return list(self._pairs)

    def wants_balance(self, balance: FoundBalance, /) -> bool:
        """Want more than everybody has."""
        return balance.amount > BALANCE

    def is_needed(self) -> bool:
        """Say that something is open."""
        return True

    async def take(self, findings: Findings, _reader: ChainReader, /) -> Sequence[Writable]:
        """Note which were looked at."""
        found = () if findings.balances is None else findings.balances.balances
        self.looked_at += len(found)
        self.has_more = bool(found)
        for one in found:
            pair = (one.token, one.holder)
            del self._pairs[pair]
            self._pairs[pair] = None
        return ()
