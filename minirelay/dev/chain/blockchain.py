"""Blocks upon blocks, from block 0: what a state is, what the next block would be and when, and adding it."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eth._utils.address import generate_contract_address
from eth.abc import (
    AtomicDatabaseAPI,
    BlockHeaderAPI,
    ComputationAPI,
    ExecutionContextAPI,
    ReceiptAPI,
    SignedTransactionAPI,
    StateAPI,
)
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.db.trie import make_trie_root_and_nodes
from eth.rlp.headers import BlockHeader
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth_bloom.bloom import BloomFilter
from eth_hash.auto import keccak
from eth_typing import Address, Hash32
from eth_utils.exceptions import ValidationError

from minirelay.dev.accounts import ACCOUNTS, BALANCE_WEI, FAUCET, FAUCET_BALANCE_WEI, Account
from minirelay.dev.artifacts import load_artifact
from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.transactions import Log, MinedTransaction
from minirelay.dev.create2 import FACTORY_ADDRESS, FACTORY_CODE

logger = logging.getLogger(__name__)

# Where it is on all chains, and libraries look for it.
MULTICALL3_ADDRESS = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")

CHAIN_ID = 31337
GAS_LIMIT = 30_000_000
CLOCK_OFFSET = "clock_offset_s"


@dataclass(slots=True)
class Clock:
    """Seconds since 1970, plus offset_s; next_timestamp, once set, is for the next block alone."""

    offset_s: int = 0
    next_timestamp: int | None = None
    read: Callable[[], float] = time.time

    def timestamp_after(self, parent: int) -> int:
        """Return the timestamp for a block on one with timestamp `parent`: always a later one."""
        if self.next_timestamp is not None:
            return self.next_timestamp
        return max(parent + 1, int(self.read()) + self.offset_s)

    def advance(self, seconds: int) -> None:
        """Shift all that comes by this many seconds."""
        self.offset_s += seconds

    def settle(self, timestamp: int) -> None:
        """Take note of a new block: after one with a timestamp set by hand, time flows on from there."""
        if self.next_timestamp is not None:
            self.offset_s = timestamp - int(self.read())
            self.next_timestamp = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One transaction that was executed; gas_used is its own, the receipt's is the block's so far."""

    transaction: SignedTransactionAPI
    receipt: ReceiptAPI
    computation: ComputationAPI
    gas_used: int


@dataclass(frozen=True, slots=True)
class Assembly:
    """A block that could come next: its header but for the roots, the state behind it, what it can't take."""

    header: BlockHeaderAPI
    state: StateAPI
    executions: Sequence[Execution]
    rejected: Sequence[SignedTransactionAPI]


class Blockchain:
    """The canonical chain; there is no other, since there is one miner."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        """Go on with what the ledger holds, or begin with a new genesis block."""
        self.ledger = ledger
        self.clock = clock
        clock.offset_s = ledger.value(CLOCK_OFFSET, 0)
        self.head = ledger.head() or self._begin()

    def _begin(self) -> BlockHeaderAPI:
        with self.ledger.transaction():
            header = write_genesis(self.ledger.nodes, int(self.clock.read()) + self.clock.offset_s)
            self.ledger.append(header, (), ())
        return header

    def next_header(self) -> BlockHeaderAPI:
        """Return the header of the next block, were it mined now and empty."""
        header: BlockHeaderAPI = PragueVM.create_header_from_parent(
            self.head,
            state_root=self._state_root(self.head),
            timestamp=self.clock.timestamp_after(self.head.timestamp),
            gas_limit=self.head.gas_limit,
            # Contracts see this as randomness: unlike any other block's, but the same in every run.
            mix_hash=keccak(self.head.hash),
        )
        return header

    def context(self, header: BlockHeaderAPI) -> ExecutionContextAPI:
        """Return what contracts in this block see of the chain."""
        hashes = self.ledger.hashes_before(header.block_number)
        return PragueVM.create_execution_context(header, hashes, ChainContext(CHAIN_ID))

    def state(self, header: BlockHeaderAPI) -> StateAPI:
        """Return the state behind a header: for a mined block after it, for the next one before it."""
        hashes = self.ledger.hashes_before(header.block_number)
        header = header.copy(state_root=self._state_root(header))
        return PragueVM.build_state(self.ledger.nodes, header, ChainContext(CHAIN_ID), hashes)

    def _state_root(self, header: BlockHeaderAPI) -> Hash32:
        return Hash32(self.ledger.changed_root(header.block_number) or header.state_root)

    def change(self, edit: Callable[[StateAPI], None]) -> None:
        """Change the newest state by hand, as no transaction could. Its block stays what it is."""
        state = self.state(self.head)
        edit(state)
        with self.ledger.transaction():
            state.persist()
            self.ledger.set_changed_root(self.head.block_number, state.state_root)

    def assemble(self, candidates: Iterable[SignedTransactionAPI]) -> Assembly:
        """Execute transactions in order as the next block would, until it is full. Nothing is kept."""
        header = self.next_header()
        state = self.state(header)
        executions: list[Execution] = []
        rejected: list[SignedTransactionAPI] = []
        for transaction in candidates:
            if header.gas_used + transaction.gas > header.gas_limit:
                break
            computation = _apply(state, transaction)
            if computation is None:
                rejected.append(transaction)
                continue
            receipt = PragueVM.make_receipt(header, transaction, computation, state)
            executions.append(
                Execution(transaction, receipt, computation, receipt.gas_used - header.gas_used)
            )
            bloom = int(BloomFilter(header.bloom) | receipt.bloom)
            header = header.copy(bloom=bloom, gas_used=receipt.gas_used)
        return Assembly(header, state, executions, rejected)

    def append(self, assembly: Assembly) -> BlockHeaderAPI:
        """Make an assembled block the new head. Returns its header."""
        with self.ledger.transaction():
            assembly.state.persist()
            transactions = [e.transaction for e in assembly.executions]
            receipts = [e.receipt for e in assembly.executions]
            header = assembly.header.copy(
                state_root=assembly.state.state_root,
                transaction_root=make_trie_root_and_nodes(transactions)[0],
                receipt_root=make_trie_root_and_nodes(receipts)[0],
            )
            number = header.block_number
            mined = [_mined(number, position, e) for position, e in enumerate(assembly.executions)]
            self.ledger.append(header, mined, _logs(number, assembly.executions))
            self.ledger.remove_pending(t.hash for t in (*transactions, *assembly.rejected))
            self.clock.settle(header.timestamp)
            self.ledger.remember(CLOCK_OFFSET, self.clock.offset_s)
        self.head = header
        return header

    def rewind(self, number: int, clock_offset_s: int, changed_root: bytes | None = None) -> None:
        """Make an older block the head again, its state and the clock what they were."""
        with self.ledger.transaction():
            self.ledger.drop_after(number)
            self.ledger.set_changed_root(number, changed_root)
            self.ledger.remember(CLOCK_OFFSET, clock_offset_s)
        self.clock.offset_s = clock_offset_s
        self.clock.next_timestamp = None
        head = self.ledger.head()
        if head is None:
            raise RuntimeError("the ledger has lost its genesis block")
        self.head = head


def _apply(state: StateAPI, transaction: SignedTransactionAPI) -> ComputationAPI | None:
    """Execute one transaction; None when it may not be in this block."""
    state.lock_changes()
    snapshot = state.snapshot()
    try:
        return state.apply_transaction(transaction)
    except ValidationError as reason:
        logger.warning("transaction 0x%s has no place in the next block: %s", transaction.hash.hex(), reason)
    except Exception:
        # A bug in the EVM must not stop the chain for everybody.
        logger.exception("transaction 0x%s broke the EVM", transaction.hash.hex())
        state.revert(snapshot)
    return None


def _mined(block: int, position: int, execution: Execution) -> MinedTransaction:
    transaction, computation = execution.transaction, execution.computation
    created = None
    if transaction.to == CREATE_CONTRACT_ADDRESS:
        created = generate_contract_address(transaction.sender, transaction.nonce)
    return MinedTransaction(
        transaction.hash,
        block,
        position,
        transaction.encode(),
        not computation.is_error,
        execution.gas_used,
        created,
    )


def _logs(block: int, executions: Sequence[Execution]) -> list[Log]:
    logs: list[Log] = []
    for tx_position, execution in enumerate(executions):
        for log in execution.receipt.logs:
            topics = tuple(topic.to_bytes(32, "big") for topic in log.topics)
            logs.append(Log(block, len(logs), tx_position, log.address, topics, log.data))
    return logs


def base_fee(header: BlockHeaderAPI) -> int:
    """Return what a block burns per gas, in wei (EIP-1559)."""
    fee = header.base_fee_per_gas
    if fee is None:
        raise TypeError("a header from before EIP-1559")
    return fee


def write_genesis(nodes: AtomicDatabaseAPI, timestamp: int) -> BlockHeaderAPI:
    """Write the first state into the nodes. Returns the header of block 0, with this timestamp."""
    before = BlockHeader(difficulty=0, block_number=-1, gas_limit=0)
    state = PragueVM.build_state(nodes, before, ChainContext(CHAIN_ID))
    for account in ACCOUNTS:
        state.set_balance(_canonical(account), BALANCE_WEI)
    state.set_balance(_canonical(FAUCET), FAUCET_BALANCE_WEI)
    state.set_code(Address(FACTORY_ADDRESS), FACTORY_CODE)
    state.set_nonce(Address(FACTORY_ADDRESS), 1)
    state.set_code(Address(MULTICALL3_ADDRESS), load_artifact("Multicall3").deployed)
    state.set_nonce(Address(MULTICALL3_ADDRESS), 1)
    state.persist()
    return PragueVM.create_genesis_header(
        difficulty=0, gas_limit=GAS_LIMIT, timestamp=timestamp, state_root=state.state_root
    )


def _canonical(account: Account) -> Address:
    return Address(bytes.fromhex(account.address[2:]))
