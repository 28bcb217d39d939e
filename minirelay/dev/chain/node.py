"""The node: takes transactions, mines them, goes back and forth as scripts ask for it.

Everything here is synchronous and runs on one thread: a request is executed whole before the next.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import rlp.exceptions
from eth.abc import BlockHeaderAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import UnrecognizedTransactionType
from eth.vm.forks.cancun.constants import BLOB_TX_TYPE
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.shanghai.constants import MAX_INITCODE_SIZE
from eth_keys.exceptions import BadSignature
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from minirelay.dev.chain.blockchain import CHAIN_ID, Assembly, Blockchain, Clock, Execution, base_fee
from minirelay.dev.chain.errors import RpcError, invalid_params, refused
from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.simulation import minimal_gas
from minirelay.dev.chain.transactions import Pool, impersonated, split_marked
from minirelay.protocol.signing import checksum_address

log = logging.getLogger(__name__)

# How many hashes of arrived transactions are kept for filters that haven't asked yet.
MAX_ARRIVALS = 10_000
MAX_SNAPSHOTS = 1000
MAX_REASON = 200
# What nodes take; it also bounds how deep the lists of a hostile one can be nested.
MAX_TRANSACTION_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What evm_revert goes back to."""

    number: int
    clock_offset_s: int
    changed_root: bytes | None
    waiting: Sequence[SignedTransactionAPI]


class Node:
    """One chain and its waiting transactions. mines_at_once: whether each arrival makes a block."""

    def __init__(self, ledger: Ledger, *, mines_at_once: bool = True, clock: Clock | None = None) -> None:
        self.ledger = ledger
        self.chain = Blockchain(ledger, clock or Clock())
        self.mines_at_once = mines_at_once
        self.pool = Pool()
        # The hashes of transactions as they arrived; `arrived` counts them all, also those dropped here.
        self.arrivals: deque[bytes] = deque(maxlen=MAX_ARRIVALS)
        self.arrived = 0
        # Accounts that unsigned transactions may come from without a key.
        self.impersonated: set[bytes] = set()
        # Called with the header of each new block.
        self.followers: list[Callable[[BlockHeaderAPI], None]] = []
        self.interval_s = 0.0
        self.interval_changed: Callable[[], None] = lambda: None
        self._snapshots: dict[int, Snapshot] = {}
        self._next_snapshot = 1
        for raw in ledger.pending():
            self.pool.add(decode_transaction(raw))
        self._mine_if_due()

    # Blocks and states

    def pending(self) -> Assembly:
        """Return the next block as it would be now."""
        return self.chain.assemble(self.pool.ready(self.nonce))

    def free_state(self, header: BlockHeaderAPI | None) -> StateAPI:
        """Return the state behind a block (None: the next one) in which execution is not charged for."""
        if header is not None:
            return self.chain.state(header.copy(base_fee_per_gas=0))
        assembly = self.pending()
        assembly.state.lock_changes()
        assembly.state.execution_context = self.chain.context(assembly.header.copy(base_fee_per_gas=0))
        return assembly.state

    def nonce(self, address: bytes) -> int:
        """Return how many transactions of this account are mined."""
        return self.chain.state(self.chain.head).get_nonce(Address(address))

    # Transactions

    def submit(self, raw: bytes) -> bytes:
        """Take a signed transaction; mine it, if blocks are not made by the clock. Returns its hash.

        Raises RpcError, in the words that libraries look for.
        """
        try:
            transaction = decode_transaction(raw)
            self._check(transaction)
            replaced = self.pool.add(transaction)
        except RpcError as error:
            log.info("a transaction was refused", extra={"reason": error.message[:MAX_REASON]})
            raise
        self.arrivals.append(transaction.hash)
        self.arrived += 1
        self._mine_if_due()
        is_waiting = self.pool.get(transaction.hash) is not None
        if not is_waiting and self.ledger.transaction_of(transaction.hash) is None:
            raise refused("the transaction can't be executed")
        with self.ledger.transaction():
            self.ledger.remove_pending([replaced.hash] if replaced else [])
            if is_waiting:
                self.ledger.add_pending(transaction.hash, raw)
        return transaction.hash

    def _check(self, transaction: SignedTransactionAPI) -> None:
        if transaction.chain_id not in (None, CHAIN_ID):
            raise refused(f"invalid chain id for signer: have {transaction.chain_id} want {CHAIN_ID}")
        if self.ledger.transaction_of(transaction.hash) is not None:
            raise refused("already known")
        _check_gas(transaction, self.chain.next_header())
        state = self.chain.state(self.chain.head)
        sender, nonce = transaction.sender, state.get_nonce(transaction.sender)
        if transaction.nonce < nonce:
            raise refused(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        following = self.pool.next_nonce(sender, nonce)
        if self.mines_at_once and transaction.nonce > following:
            raise refused(
                f"nonce too high: next nonce {following}, tx nonce {transaction.nonce}; "
                "with automining nothing waits for a nonce"
            )
        cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
        if (balance := state.get_balance(sender)) < cost:
            raise refused(f"insufficient funds for gas * price + value: have {balance} want {cost}")

    def set_automine(self, mines_at_once: bool) -> None:
        """Choose whether each arrival makes a block; what is ready makes one now."""
        self.mines_at_once = mines_at_once
        self._mine_if_due()

    def set_interval(self, interval_s: float) -> None:
        """Choose how many seconds lie between blocks of the clock; 0: there are none."""
        self.interval_s = interval_s
        self.interval_changed()

    def _mine_if_due(self) -> None:
        if self.mines_at_once and self.pool.ready(self.nonce):
            self.mine()

    def mine(self) -> BlockHeaderAPI:
        """Mine one block with what is ready. Returns its header."""
        assembly = self.pending()
        header = self.chain.append(assembly)
        for execution in assembly.executions:
            self.pool.remove(execution.transaction)
            _tell_mined(execution)
        for transaction in assembly.rejected:
            self.pool.remove(transaction)
        for follower in self.followers:
            follower(header)
        return header

    # Going back

    def take_snapshot(self) -> int:
        """Remember where the chain is. Returns the snapshot's number."""
        if len(self._snapshots) >= MAX_SNAPSHOTS:
            del self._snapshots[min(self._snapshots)]
        number = self._next_snapshot
        self._next_snapshot += 1
        self._snapshots[number] = Snapshot(
            self.chain.head.block_number,
            self.chain.clock.offset_s,
            self.ledger.changed_root(self.chain.head.block_number),
            self.pool.all(),
        )
        return number

    def revert_to(self, number: int) -> bool:
        """Go back to a snapshot; it and all later ones are used up. Returns whether there was such a one."""
        snapshot = self._snapshots.get(number)
        if snapshot is None:
            return False
        self._snapshots = {n: s for n, s in self._snapshots.items() if n < number}
        self.chain.rewind(snapshot.number, snapshot.clock_offset_s, snapshot.changed_root)
        with self.ledger.transaction():
            self.ledger.remove_pending(t.hash for t in self.pool.all())
            for transaction in snapshot.waiting:
                self.ledger.add_pending(transaction.hash, transaction.encode())
        self.pool = Pool()
        for transaction in snapshot.waiting:
            self.pool.add(transaction)
        return True

    def reorganise(self, depth: int, moved: Sequence[tuple[bytes, int]]) -> None:
        """Put other blocks in the place of the newest ones.

        depth: how many, not the genesis block. moved: signed transactions, and in which of the new blocks
        each is (0: the first). All others of the old blocks are gone. Raises RpcError.
        """
        head = self.chain.head.block_number
        if not 0 < depth <= head or any(not 0 <= place < depth for _, place in moved):
            raise invalid_params(f"there are {head} blocks that can be replaced, and places below the depth")
        transactions = [(decode_transaction(raw), place) for raw, place in moved]
        parent = head - depth
        replaced = self.ledger.header_at(parent + 1)
        self.chain.rewind(parent, self.chain.clock.offset_s, self.ledger.changed_root(parent))
        # An empty block at the same second would be the same block.
        if replaced is not None and self.chain.next_header().timestamp <= replaced.timestamp:
            self.set_next_timestamp(replaced.timestamp + 1)
        for number in range(depth):
            for transaction, place in transactions:
                if place == number:
                    self.pool.add(transaction)
            self.mine()

    def set_next_timestamp(self, timestamp: int) -> None:
        """Choose the timestamp of the next block. Raises RpcError if it isn't a later one."""
        newest = self.chain.head.timestamp
        if timestamp <= newest:
            raise invalid_params(f"timestamp {timestamp} is not later than the newest block's, {newest}")
        self.chain.clock.next_timestamp = timestamp


def _tell_mined(execution: Execution) -> None:
    transaction = execution.transaction
    log.info(
        "a transaction reverted" if execution.computation.is_error else "a transaction was mined",
        extra={
            "from": checksum_address(transaction.sender),
            "to": checksum_address(transaction.to) if transaction.to else "a new contract",
            "tx": f"0x{transaction.hash.hex()}",
        },
    )


def decode_transaction(raw: bytes) -> SignedTransactionAPI:
    """Decode a signed transaction of any type but blobs, its sender recovered. Raises RpcError."""
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise refused(f"oversized data: transaction size {len(raw)}, limit {MAX_TRANSACTION_BYTES}")
    if raw[:1] == bytes([BLOB_TX_TYPE]):
        raise refused("transaction type not supported: blobs")
    marked = split_marked(raw)
    if marked is not None:
        sender, rest = marked
        return impersonated(decode_transaction(rest), sender)
    try:
        transaction = PragueVM.get_transaction_builder().decode(raw)
        transaction.check_signature_validity()
        # Recovers the sender, once for all later uses.
        _ = transaction.sender
    except (rlp.exceptions.RLPException, UnrecognizedTransactionType, ValidationError, TypeError) as error:
        raise refused(f"rlp: cannot decode the transaction: {error}") from error
    except BadSignature as error:
        raise refused(f"invalid sender: {error}") from error
    return transaction


def _check_gas(transaction: SignedTransactionAPI, header: BlockHeaderAPI) -> None:
    if transaction.gas > header.gas_limit:
        raise refused("exceeds block gas limit")
    if not transaction.to and len(transaction.data) > MAX_INITCODE_SIZE:
        raise refused("max initcode size exceeded")
    needed = max(minimal_gas(transaction.to, transaction.data), transaction.intrinsic_gas)
    if transaction.gas < needed:
        raise refused(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {needed}")
    if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        raise refused("max priority fee per gas higher than max fee per gas")
    if transaction.max_fee_per_gas < base_fee(header):
        raise refused(
            "max fee per gas less than block base fee: "
            f"maxFeePerGas {transaction.max_fee_per_gas}, baseFee {base_fee(header)}"
        )
