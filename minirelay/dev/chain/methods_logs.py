"""Events: eth_getLogs, filters, and eth_subscribe over WebSocket."""

from collections.abc import Mapping

from minirelay.dev.chain import shapes
from minirelay.dev.chain.context import (
    BlockReference,
    Context,
    Method,
    Params,
    address,
    block,
    members,
    quantity,
    sized,
)
from minirelay.dev.chain.errors import LIMIT_EXCEEDED, METHOD_NOT_FOUND, RpcError, invalid_params, refused
from minirelay.dev.chain.filters import Subscriptions, limited_logs
from minirelay.dev.chain.ledger import MAX_TOPICS, LogCriteria
from minirelay.dev.chain.shapes import Json, hexed

# How many addresses, or topics at one position, a filter may list.
MAX_ALTERNATIVES = 1000
# What stands for "no end": filters go on for blocks that are still to come.
NO_END = (1 << 63) - 1


def get_logs(context: Context, params: Params) -> list[Json]:
    """Return the events that match a filter, oldest first."""
    criteria = read_criteria(context, members(params[0]))
    return [shapes.log(log) for log in limited_logs(context.node, criteria)]


def new_filter(context: Context, params: Params) -> str:
    """Open a filter for events."""
    fields = members(params[0])
    if "blockHash" in fields:
        raise invalid_params("a filter for new events can't be for one block")
    return hex(context.filters.open_logs(read_criteria(context, {"toBlock": "pending", **fields})))


def new_block_filter(context: Context, _params: Params) -> str:
    """Open a filter for blocks."""
    return hex(context.filters.open_blocks())


def new_pending_transaction_filter(context: Context, _params: Params) -> str:
    """Open a filter for transactions."""
    return hex(context.filters.open_pending())


def get_filter_changes(context: Context, params: Params) -> list[Json] | list[str]:
    """Return what is new since the last call."""
    changes = context.filters.changes(quantity(params[0]))
    return [hexed(c) if isinstance(c, bytes) else shapes.log(c) for c in changes]  # type: ignore[return-value]


def get_filter_logs(context: Context, params: Params) -> list[Json]:
    """Return all events that a filter matches."""
    criteria = context.filters.criteria(quantity(params[0]))
    return [shapes.log(log) for log in limited_logs(context.node, criteria)]


def uninstall_filter(context: Context, params: Params) -> bool:
    """Close a filter."""
    return context.filters.close(quantity(params[0]))


def read_criteria(context: Context, fields: Mapping[str, object]) -> LogCriteria:
    """Read the object that describes a filter. Raises RpcError."""
    first, last = _range(context, fields)
    return LogCriteria(
        tuple(address(a) for a in _alternatives(fields.get("address"))),
        _topics(fields.get("topics", [])),
        first,
        last,
    )


def _range(context: Context, fields: Mapping[str, object]) -> tuple[int, int]:
    if "blockHash" in fields:
        if "fromBlock" in fields or "toBlock" in fields:
            raise invalid_params("blockHash can't be combined with fromBlock or toBlock")
        header = context.find(sized(fields["blockHash"], 32))
        if header is None:
            raise refused("unknown block")
        return header.block_number, header.block_number
    first, last = block(fields.get("fromBlock", "latest")), block(fields.get("toBlock", "latest"))
    # Only numbers can contradict each other; a tag may well lie before a number that is still to come.
    if isinstance(first, int) and isinstance(last, int) and first > last:
        raise invalid_params("invalid block range")
    return _bound(context, first), _bound(context, last)


def _bound(context: Context, reference: BlockReference) -> int:
    if isinstance(reference, int):
        return min(reference, NO_END)
    if reference == "pending":
        return NO_END
    return context.header(reference).block_number


def _topics(value: object) -> tuple[tuple[bytes, ...], ...]:
    if not isinstance(value, list) or len(value) > MAX_TOPICS:
        raise invalid_params(f"expected at most {MAX_TOPICS} topics")
    return tuple(tuple(sized(topic, 32) for topic in _alternatives(position)) for position in value)


def _alternatives(value: object) -> list[object]:
    """One or a list of them; none means any."""
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    if len(value) > MAX_ALTERNATIVES:
        raise RpcError(LIMIT_EXCEEDED, f"more than {MAX_ALTERNATIVES} alternatives in a filter")
    return [] if None in value else value


def subscribe(context: Context, params: Params) -> str:
    """Subscribe to "newHeads", or to "logs" that match a filter."""
    subscriptions = _of(context)
    if params[0] == "newHeads":
        return hex(subscriptions.add_heads())
    if params[0] == "logs":
        wanted = members(params[1]) if params.has(1) else {}
        known = {name: wanted[name] for name in ("address", "topics") if name in wanted}
        return hex(subscriptions.add_logs(read_criteria(context, known)))
    raise invalid_params("there are subscriptions to newHeads and logs")


def unsubscribe(context: Context, params: Params) -> bool:
    """End a subscription."""
    return _of(context).remove(quantity(params[0]))


def _of(context: Context) -> Subscriptions:
    if context.subscriptions is None:
        raise RpcError(METHOD_NOT_FOUND, "notifications not supported: subscribe over WebSocket")
    return context.subscriptions


METHODS: dict[str, Method] = {
    "eth_getLogs": get_logs,
    "eth_newFilter": new_filter,
    "eth_newBlockFilter": new_block_filter,
    "eth_newPendingTransactionFilter": new_pending_transaction_filter,
    "eth_getFilterChanges": get_filter_changes,
    "eth_getFilterLogs": get_filter_logs,
    "eth_uninstallFilter": uninstall_filter,
    "eth_subscribe": subscribe,
    "eth_unsubscribe": unsubscribe,
}
