"""Root hashes on a real chain: written once, whatever happens on the way."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from web3 import Web3

from minirelay.chain import sending
from minirelay.chain.anchor_memory import STATE_KEY, AnchorMemory, UnderWay
from minirelay.chain.anchor_runner import REFUSED_S, AnchorRunner
from minirelay.chain.anchoring import Anchored, LogEnd, Terms
from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.sending import Sender, Sent
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import SENT_KEY, WalletLock
from minirelay.dev.accounts import ACCOUNTS
from minirelay.protocol.json_rpc import write_data
from minirelay.store.errors import StoreUnavailable
from tests.chain.nodes import CHAIN_ID, Node, chain_over, silent
from tests.chain.notebook import Notebook
from tests.chain_fixtures import Contracts, rpc
from tests.dev.contracts.contract_calls import OWNER, send

WALLET = Wallet(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
ADDRESS = Web3.to_checksum_address(ACCOUNTS[1].address)
SHOP, OTHER = 2**255 + 5, 77
TOKEN = 4711
DAY_S = 86_400
TERMS = Terms(10, 3600, 300, 10**18, 10**19)


@dataclass
class Logs:
    """Shops' logs, by the numbers of their last sets."""

    seqs: dict[int, int] = field(default_factory=dict)

    async def ends(self) -> Sequence[LogEnd]:
        return [LogEnd(shop_id, seq) for shop_id, seq in self.seqs.items()]

    async def root_hash(self, shop_id: int) -> tuple[int, bytes]:
        return self.seqs[shop_id], root_at(self.seqs[shop_id])


def root_at(seq: int) -> bytes:
    return seq.to_bytes(32)


@dataclass
class Anchoring:
    """A runner and what it stands on. now: its clock, epoch seconds."""

    chain: Chain
    contracts: Contracts
    w3: Web3
    terms: Terms = TERMS
    confirmations: int = 1
    now: float = 20_000.0 * DAY_S
    notebook: Notebook = field(default_factory=Notebook)
    logs: Logs = field(default_factory=Logs)
    alerts: list[str] = field(default_factory=list)
    lock: WalletLock = field(init=False)

    def start(self, chain: Chain | None = None) -> AnchorRunner:
        """Start it, or start it again with what is remembered."""
        chain = chain or self.chain
        self.lock = WalletLock(self.notebook, WALLET, CHAIN_ID)

        async def alert(detail: str) -> None:
            self.alerts.append(detail)

        return AnchorRunner(
            ShopReg(chain, bytes.fromhex(self.contracts.shop_reg.address[2:])),
            Sender(chain, WALLET),
            self.lock,
            AnchorMemory(self.notebook, CHAIN_ID),
            self.logs,
            self.terms,
            lambda: self.now,
            token_id=TOKEN,
            wallet=WALLET.address,
            confirmations=self.confirmations,
            alert=alert,
        )

    def list_relay(self, shop_id: int) -> None:
        send(self.contracts.shop_reg.functions.addRelay(shop_id, TOKEN), OWNER)

    def written(self, shop_id: int = SHOP) -> tuple[int, bytes]:
        shop_reg = self.contracts.shop_reg.functions
        return shop_reg.nonce(shop_id).call(), shop_reg.rootHashes(shop_id).call()

    @property
    def nonce(self) -> int:
        """Count the wallet's mined transactions."""
        return self.w3.eth.get_transaction_count(ADDRESS)

    async def under_way(self) -> UnderWay | None:
        return (await AnchorMemory(self.notebook, CHAIN_ID).state()).under_way

    async def waiting(self) -> UnderWay:
        one = await self.under_way()
        assert one is not None
        return one

    async def spent(self) -> int:
        return (await AnchorMemory(self.notebook, CHAIN_ID).state()).spent.wei


@pytest.fixture
def anchoring(chain: Chain, contracts: Contracts, w3: Web3) -> Anchoring:
    """Make two shops, of which SHOP lists the relay."""
    send(contracts.relay_reg.functions.mint(TOKEN, ADDRESS, "http://relay.example"), OWNER)
    for shop_id in (SHOP, OTHER):
        send(contracts.shop_reg.functions.mint(shop_id, OWNER), OWNER)
    made = Anchoring(chain, contracts, w3)
    made.list_relay(SHOP)
    return made


@pytest.fixture
def by_hand(w3: Web3) -> Iterator[None]:
    """Let blocks come by `mine` alone."""
    rpc(w3, "evm_setAutomine", False)
    yield
    rpc(w3, "evm_setAutomine", True)


def mine(w3: Web3) -> None:
    rpc(w3, "evm_mine")


def fees(sent: Sent) -> tuple[int, int]:
    return sent.max_fee, sent.tip


async def look(runner: AnchorRunner, times: int = 2) -> None:
    for _ in range(times):
        await runner.look()


async def test_a_root_hash_is_written_after_so_many_sets(anchoring: Anchoring) -> None:
    anchoring.terms = replace(TERMS, interval_s=0)
    runner = anchoring.start()
    anchoring.logs.seqs[SHOP] = 9
    await look(runner)
    assert anchoring.written() == (0, bytes(32))
    anchoring.logs.seqs[SHOP] = 12
    await look(runner)
    assert anchoring.written() == (12, root_at(12))
    anchoring.logs.seqs[SHOP] = 21
    await look(runner)
    assert anchoring.nonce == 1
    anchoring.logs.seqs[SHOP] = 22
    await look(runner)
    assert anchoring.written() == (22, root_at(22))


async def test_or_after_so_long_if_there_are_new_ones_also_across_a_restart(anchoring: Anchoring) -> None:
    anchoring.terms = replace(TERMS, sets=0)
    anchoring.logs.seqs[SHOP] = 1
    await look(anchoring.start())
    assert anchoring.written() == (1, root_at(1))
    anchoring.now += 3600
    await look(anchoring.start())
    assert anchoring.nonce == 1
    anchoring.logs.seqs[SHOP] = 2
    await look(anchoring.start())
    assert anchoring.nonce == 2
    anchoring.logs.seqs[SHOP] = 3
    anchoring.now += 3599
    await look(anchoring.start())
    assert anchoring.nonce == 2
    anchoring.now += 1
    await look(anchoring.start())
    assert anchoring.written() == (3, root_at(3))


async def test_one_under_way_is_known_after_a_restart_and_not_sent_twice(
    anchoring: Anchoring, w3: Web3, by_hand: None
) -> None:
    anchoring.logs.seqs[SHOP] = 10
    await look(anchoring.start(), 1)
    first = await anchoring.waiting()
    anchoring.logs.seqs[SHOP] = 30
    await look(anchoring.start())
    assert await anchoring.waiting() == first
    mine(w3)
    assert anchoring.written() == (10, root_at(10))
    await look(anchoring.start(), 1)
    assert await anchoring.under_way() is None
    assert anchoring.nonce == 1


async def test_killed_before_it_was_sent_it_is_sent_after_the_restart(
    anchoring: Anchoring, w3: Web3, by_hand: None
) -> None:
    anchoring.logs.seqs[SHOP] = 10
    before = rpc(w3, "evm_snapshot")
    await look(anchoring.start(), 1)
    one = await anchoring.waiting()
    # Also what a node forgot.
    assert rpc(w3, "evm_revert", before) is True
    mine(w3)
    assert anchoring.nonce == 0
    await look(anchoring.start(), 1)
    mine(w3)
    assert anchoring.written() == (10, root_at(10))
    w3.eth.get_transaction_receipt(write_data(one.signed.sent.hash))  # type: ignore[arg-type]


async def test_one_that_is_not_mined_in_time_is_replaced_with_higher_fees(
    anchoring: Anchoring, w3: Web3, by_hand: None
) -> None:
    anchoring.logs.seqs[SHOP] = 10
    await look(anchoring.start(), 1)
    first = await anchoring.waiting()
    anchoring.now += 299
    await look(anchoring.start(), 1)
    assert await anchoring.waiting() == first
    anchoring.now += 1
    await look(anchoring.start(), 1)
    second = await anchoring.waiting()
    assert second.signed.sent.nonce == first.signed.sent.nonce
    for higher, lower in zip(fees(second.signed.sent), fees(first.signed.sent), strict=True):
        assert higher * 8 >= lower * 9
    # Only one of the two can be mined and paid for.
    assert await anchoring.spent() == second.cost
    mine(w3)
    await look(anchoring.start(), 1)
    assert anchoring.written() == (10, root_at(10))
    assert anchoring.nonce == 1
    assert await anchoring.under_way() is None


async def test_beyond_the_ceiling_it_waits_and_an_operator_is_told_once(
    anchoring: Anchoring, w3: Web3, by_hand: None
) -> None:
    anchoring.logs.seqs[SHOP] = 10
    await look(anchoring.start(), 1)
    first = await anchoring.waiting()
    anchoring.terms = replace(TERMS, most_per_transaction=first.cost * 9 // 8 - 1)
    runner = anchoring.start()
    for _ in range(3):
        anchoring.now += 300
        await look(runner, 1)
    assert await anchoring.waiting() == first
    assert len(anchoring.alerts) == 1
    assert write_data(first.signed.sent.hash) in anchoring.alerts[0]
    mine(w3)
    await look(runner, 1)
    assert anchoring.written() == (10, root_at(10))


async def test_nothing_is_sent_that_costs_too_much(anchoring: Anchoring) -> None:
    anchoring.terms = replace(TERMS, most_per_transaction=10)
    anchoring.logs.seqs[SHOP] = 10
    await look(anchoring.start())
    assert anchoring.nonce == 0
    assert await anchoring.under_way() is None


async def test_a_days_transactions_cost_no_more_than_they_may(anchoring: Anchoring) -> None:
    anchoring.logs.seqs[SHOP] = 10
    await look(anchoring.start())
    spent = await anchoring.spent()
    anchoring.terms = replace(TERMS, most_per_day=spent + 10)
    anchoring.logs.seqs[SHOP] = 20
    await look(anchoring.start())
    assert anchoring.nonce == 1
    anchoring.now += DAY_S
    await look(anchoring.start())
    assert anchoring.written() == (20, root_at(20))


async def test_a_shop_that_does_not_list_the_relay_is_skipped_with_one_line(
    anchoring: Anchoring, caplog: pytest.LogCaptureFixture
) -> None:
    anchoring.logs.seqs = {OTHER: 10, SHOP: 10}
    runner = anchoring.start()
    await look(runner, 4)
    assert anchoring.written(SHOP) == (10, root_at(10))
    assert anchoring.written(OTHER) == (0, bytes(32))
    anchoring.now += REFUSED_S
    await look(runner)
    assert [record.message for record in caplog.records].count(
        "a shop's root hash can't be written; does the shop list this relay's token?"
    ) == 1
    anchoring.list_relay(OTHER)
    await look(runner)
    assert anchoring.written(OTHER) == (0, bytes(32))
    anchoring.now += REFUSED_S
    await look(runner)
    assert anchoring.written(OTHER) == (10, root_at(10))


async def test_web3_is_not_needed_before_something_is_sent(
    anchoring: Anchoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_chain: Chain) -> None:
        raise AssertionError("web3 is imported")

    monkeypatch.setattr(sending, "open_web3", forbidden)
    anchoring.logs.seqs = {OTHER: 10, SHOP: 0}
    await look(anchoring.start())
    anchoring.logs.seqs = {SHOP: 10}
    with pytest.raises(AssertionError, match="web3"):
        await look(anchoring.start())


async def test_what_is_there_already_is_not_written_again(anchoring: Anchoring) -> None:
    shop_reg = anchoring.contracts.shop_reg.functions
    send(shop_reg.updateRootHash(SHOP, root_at(10), 10), OWNER)
    anchoring.logs.seqs[SHOP] = 10
    await look(anchoring.start())
    assert anchoring.nonce == 0
    remembered = await AnchorMemory(anchoring.notebook, CHAIN_ID).anchored(SHOP)
    assert remembered == Anchored(10, int(anchoring.now))


async def test_one_at_a_time_is_under_way(anchoring: Anchoring, w3: Web3, by_hand: None) -> None:
    rpc(w3, "evm_setAutomine", True)
    anchoring.list_relay(OTHER)
    rpc(w3, "evm_setAutomine", False)
    anchoring.logs.seqs = {SHOP: 10, OTHER: 10}
    runner = anchoring.start()
    await look(runner, 3)
    assert w3.eth.get_transaction_count(ADDRESS, "pending") == 1
    mine(w3)
    await look(runner)
    mine(w3)
    assert {anchoring.written(shop_id) for shop_id in (SHOP, OTHER)} == {(10, root_at(10))}


async def test_it_counts_when_it_is_deep_and_is_sent_again_if_a_reorganisation_drops_it(
    anchoring: Anchoring, w3: Web3
) -> None:
    anchoring.confirmations = 3
    anchoring.logs.seqs[SHOP] = 10
    runner = anchoring.start()
    await look(runner)
    mine(w3)
    assert anchoring.written() == (10, root_at(10))
    await look(runner, 1)
    rpc(w3, "anvil_reorg", "0x2")
    assert anchoring.written() == (0, bytes(32))
    await look(runner)
    assert anchoring.written() == (10, root_at(10))
    mine(w3)
    await look(runner, 1)
    assert await anchoring.under_way() is not None
    mine(w3)
    await look(runner, 1)
    assert await anchoring.under_way() is None


async def test_behind_a_sweep_that_waits_nothing_is_sent(
    anchoring: Anchoring, w3: Web3, by_hand: None
) -> None:
    lock = WalletLock(anchoring.notebook, WALLET, CHAIN_ID)
    await lock.note("sweep", Sent(CHAIN_ID, WALLET.address, 0, 10**10, 1, b"h" * 32))
    anchoring.logs.seqs[SHOP] = 10
    await look(anchoring.start())
    assert w3.eth.get_transaction_count(ADDRESS, "pending") == 0


async def test_while_a_sweep_is_sent_nothing_else_is(anchoring: Anchoring) -> None:
    anchoring.logs.seqs[SHOP] = 10
    runner = anchoring.start()
    async with asyncio.timeout(10), WALLET.sending(CHAIN_ID):
        await look(runner)
    assert anchoring.nonce == 0
    await look(runner)
    assert anchoring.nonce == 1


@pytest.mark.parametrize("key", [STATE_KEY, SENT_KEY])
async def test_what_can_not_be_remembered_is_not_sent(anchoring: Anchoring, key: str) -> None:
    anchoring.logs.seqs[SHOP] = 10
    anchoring.notebook = FullDisk(full_for=key)
    with pytest.raises(StoreUnavailable):
        await look(anchoring.start())
    assert anchoring.nonce == 0


@dataclass
class FullDisk(Notebook):
    """full_for: what the rows' keys begin with that can't be written."""

    full_for: str = ""

    async def put_meta(self, key: str, value: bytes) -> None:
        if key.startswith(self.full_for):
            raise StoreUnavailable("the disk is full")
        await super().put_meta(key, value)


async def test_one_in_whose_place_another_was_mined_is_written_later(anchoring: Anchoring, w3: Web3) -> None:
    rpc(w3, "evm_setAutomine", False)
    try:
        anchoring.logs.seqs[SHOP] = 10
        runner = anchoring.start()
        before = rpc(w3, "evm_snapshot")
        await look(runner, 1)
        assert rpc(w3, "evm_revert", before) is True
    finally:
        rpc(w3, "evm_setAutomine", True)
    w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction({"from": ADDRESS, "to": OWNER, "value": 1}))  # type: ignore[typeddict-item]
    # Two endpoints may be apart, so one look does not say that it is gone.
    await look(runner, 1)
    assert await anchoring.under_way() is not None
    await look(runner, 1)
    assert await anchoring.under_way() is None
    await look(runner)
    assert anchoring.nonce == 1
    anchoring.now += REFUSED_S
    await look(runner)
    assert anchoring.written() == (10, root_at(10))


async def test_a_chain_that_hangs_keeps_nobody_waiting_for_long(anchoring: Anchoring) -> None:
    anchoring.logs.seqs[SHOP] = 10
    async with chain_over(Node(behaviour=silent), timeout_s=0.05) as bench:
        runner = anchoring.start(bench.chain)
        with pytest.raises(ChainUnreachable):
            await runner.look()
        async with asyncio.timeout(5), anchoring.lock.held():
            pass
    await look(anchoring.start())
    assert anchoring.written() == (10, root_at(10))


async def test_it_stops_while_a_chain_hangs(anchoring: Anchoring) -> None:
    anchoring.logs.seqs[SHOP] = 10
    is_asked = asyncio.Event()

    async def hang(request: web.Request, question: Any) -> web.StreamResponse:
        is_asked.set()
        return await silent(request, question)

    async with chain_over(Node(behaviour=hang), timeout_s=60) as bench:
        running = asyncio.create_task(anchoring.start(bench.chain).run(0.001))
        async with asyncio.timeout(10):
            await is_asked.wait()
            running.cancel()
            assert isinstance(*await asyncio.gather(running, return_exceptions=True), asyncio.CancelledError)
            async with anchoring.lock.held():
                pass


async def test_a_run_goes_on_after_failures(anchoring: Anchoring) -> None:
    logs = FailingOnce({SHOP: 10})
    anchoring.logs = logs
    running = asyncio.create_task(anchoring.start().run(0.001))
    async with asyncio.timeout(30):
        await logs.has_gone_on.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@dataclass
class FailingOnce(Logs):
    """has_gone_on: it was asked once more after it had failed."""

    has_failed: bool = False
    has_gone_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def ends(self) -> Sequence[LogEnd]:
        if not self.has_failed:
            self.has_failed = True
            raise KeyError("a bug")
        self.has_gone_on.set()
        return await super().ends()
