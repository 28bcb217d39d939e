"""Reading blocks: eth_getBlockByNumber and its like."""

from eth.abc import BlockHeaderAPI

from minirelay.dev.chain import shapes
from minirelay.dev.chain.context import Context, Method
from minirelay.dev.chain.params import Params, block, quantity, sized
from minirelay.dev.chain.shapes import Json


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


METHODS: dict[str, Method] = {
    "eth_blockNumber": block_number,
    "eth_getBlockByNumber": get_block_by_number,
    "eth_getBlockByHash": get_block_by_hash,
    "eth_getBlockTransactionCountByNumber": get_transaction_count_by_number,
    "eth_getBlockTransactionCountByHash": get_transaction_count_by_hash,
    "eth_getTransactionByBlockNumberAndIndex": get_transaction_by_number_and_index,
    "eth_getTransactionByBlockHashAndIndex": get_transaction_by_hash_and_index,
}
