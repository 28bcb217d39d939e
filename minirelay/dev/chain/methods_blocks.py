"""Blocks and their transactions: reading them, sending some, and what became of them."""

from collections.abc import Mapping

from eth.abc import BlockHeaderAPI, UnsignedTransactionAPI
from eth.vm.forks.berlin.transactions import UnsignedAccessListTransaction
from eth.vm.forks.london.transactions import UnsignedDynamicFeeTransaction
from eth.vm.forks.prague.transactions import PragueUnsignedLegacyTransaction

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain import shapes, simulation
from minirelay.dev.chain.blockchain import CHAIN_ID, base_fee
from minirelay.dev.chain.context import Context, Method, Params, block, data, members, quantity, sized
from minirelay.dev.chain.errors import refused
from minirelay.dev.chain.ledger import LogCriteria
from minirelay.dev.chain.methods_node import PRIORITY_FEE_WEI, key_of
from minirelay.dev.chain.methods_state import read_call
from minirelay.dev.chain.node import decode_transaction
from minirelay.dev.chain.shapes import Json, hexed
from minirelay.dev.chain.simulation import Call
from minirelay.dev.chain.transactions import sign_for, split_marked

MAX_LOGS_PER_BLOCK = 1_000_000


def block_number(context: Context, _params: Params) -> str:
    """Return the newest block's number."""
    return hex(context.node.chain.head.block_number)


def get_block_by_number(context: Context, params: Params) -> Json | None:
    """Return a block, by number or tag; with "pending" the next one as it would be."""
    reference = block(params[0])
    if reference == "pending":
        assembly = context.node.pending()
        transactions = [execution.transaction for execution in assembly.executions]
        return shapes.block(assembly.header, transactions, is_full=params.flag(1), is_mined=False)
    return _block(context, context.find(reference), is_full=params.flag(1))


def get_block_by_hash(context: Context, params: Params) -> Json | None:
    """Return a block, by hash."""
    return _block(context, context.find(sized(params[0], 32)), is_full=params.flag(1))


def get_transaction_count_by_number(context: Context, params: Params) -> str | None:
    """Return how many transactions a block has, by number or tag."""
    reference = block(params[0])
    if reference == "pending":
        return hex(len(context.node.pending().executions))
    return _count(context, context.find(reference))


def get_transaction_count_by_hash(context: Context, params: Params) -> str | None:
    """Return how many transactions a block has, by hash."""
    return _count(context, context.find(sized(params[0], 32)))


def get_transaction_by_number_and_index(context: Context, params: Params) -> Json | None:
    """Return a transaction by its place, the block by number or tag."""
    return _transaction(context, context.find(block(params[0])), quantity(params[1]))


def get_transaction_by_hash_and_index(context: Context, params: Params) -> Json | None:
    """Return a transaction by its place, the block by hash."""
    return _transaction(context, context.find(sized(params[0], 32)), quantity(params[1]))


def _block(context: Context, header: BlockHeaderAPI | None, *, is_full: bool) -> Json | None:
    if header is None:
        return None
    return shapes.block(header, context.transactions(header), is_full=is_full)


def _count(context: Context, header: BlockHeaderAPI | None) -> str | None:
    if header is None:
        return None
    return hex(len(context.node.ledger.transactions_in(header.block_number)))


def _transaction(context: Context, header: BlockHeaderAPI | None, position: int) -> Json | None:
    transactions = [] if header is None else context.transactions(header)
    if position >= len(transactions):
        return None
    return shapes.transaction(transactions[position], position, header)


def send_raw_transaction(context: Context, params: Params) -> str:
    """Take a signed transaction. Returns its hash."""
    raw = data(params[0])
    if split_marked(raw) is not None:
        raise refused("rlp: cannot decode the transaction: its type is unknown")
    return hexed(context.node.submit(raw))


def send_transaction(context: Context, params: Params) -> str:
    """Take an unsigned transaction of one of the ten accounts, or of one that is impersonated.

    Without a sender it is the first one's. Returns its hash.
    """
    fields = {"from": ACCOUNTS[0].address, **members(params[0])}
    request = read_call(fields)
    return hexed(context.node.submit(_signed(context, request, fields)))


def get_raw_transaction(context: Context, params: Params) -> str | None:
    """Return a mined transaction as it was sent."""
    mined = context.node.ledger.transaction_of(sized(params[0], 32))
    return None if mined is None else "0x" + mined.raw.hex()


def get_transaction_by_hash(context: Context, params: Params) -> Json | None:
    """Return a transaction, mined or waiting."""
    tx_hash = sized(params[0], 32)
    mined = context.node.ledger.transaction_of(tx_hash)
    if mined is not None:
        header = context.header(mined.block)
        return shapes.transaction(decode_transaction(mined.raw), mined.position, header)
    waiting = context.node.pool.get(tx_hash)
    return None if waiting is None else shapes.transaction(waiting, 0, None)


def get_transaction_receipt(context: Context, params: Params) -> Json | None:
    """Return what came of a mined transaction."""
    mined = context.node.ledger.transaction_of(sized(params[0], 32))
    return None if mined is None else _receipts(context, context.header(mined.block))[mined.position]


def get_block_receipts(context: Context, params: Params) -> list[Json] | None:
    """Return what came of all transactions of a mined block, by number, tag or hash."""
    header = context.find(block(params[0]))
    return None if header is None else _receipts(context, header)


def _receipts(context: Context, header: BlockHeaderAPI) -> list[Json]:
    ledger, number = context.node.ledger, header.block_number
    logs = ledger.logs(LogCriteria((), (), number, number), MAX_LOGS_PER_BLOCK)
    receipts, gas_used = [], 0
    for mined in ledger.transactions_in(number):
        gas_used += mined.gas_used
        own = [log for log in logs if log.tx_position == mined.position]
        receipts.append(shapes.receipt(mined, header, gas_used, own))
    return receipts


def _signed(context: Context, request: Call, fields: Mapping[str, object]) -> bytes:
    node = context.node
    is_impersonated = request.sender in node.impersonated
    key = None if is_impersonated else key_of(request.sender)
    if "nonce" in fields:
        nonce = quantity(fields["nonce"])
    else:
        nonce = node.pool.next_nonce(request.sender, node.nonce(request.sender))
    gas = request.gas
    if gas is None:
        gas = simulation.estimate_gas(context.state("pending"), request)
    unsigned = _unsigned(request, fields, nonce, gas, base_fee(node.chain.next_header()))
    if key is None:
        return sign_for(unsigned, request.sender, CHAIN_ID)
    return unsigned.as_signed_transaction(key, chain_id=CHAIN_ID).encode()


def _unsigned(
    request: Call, fields: Mapping[str, object], nonce: int, gas: int, next_base_fee: int
) -> UnsignedTransactionAPI:
    what = (gas, request.to, request.value, request.data)
    if "gasPrice" not in fields:
        priority = quantity(fields.get("maxPriorityFeePerGas", PRIORITY_FEE_WEI))
        highest = quantity(fields.get("maxFeePerGas", 2 * next_base_fee + priority))
        return UnsignedDynamicFeeTransaction(CHAIN_ID, nonce, priority, highest, *what, request.access_list)
    price = quantity(fields["gasPrice"])
    if request.access_list:
        return UnsignedAccessListTransaction(CHAIN_ID, nonce, price, *what, request.access_list)
    return PragueUnsignedLegacyTransaction(nonce, price, *what)


METHODS: dict[str, Method] = {
    "eth_blockNumber": block_number,
    "eth_getBlockByNumber": get_block_by_number,
    "eth_getBlockByHash": get_block_by_hash,
    "eth_getBlockTransactionCountByNumber": get_transaction_count_by_number,
    "eth_getBlockTransactionCountByHash": get_transaction_count_by_hash,
    "eth_getTransactionByBlockNumberAndIndex": get_transaction_by_number_and_index,
    "eth_getTransactionByBlockHashAndIndex": get_transaction_by_hash_and_index,
    "eth_sendRawTransaction": send_raw_transaction,
    "eth_sendTransaction": send_transaction,
    "eth_getTransactionByHash": get_transaction_by_hash,
    "eth_getRawTransactionByHash": get_raw_transaction,
    "eth_getTransactionReceipt": get_transaction_receipt,
    "eth_getBlockReceipts": get_block_receipts,
}
