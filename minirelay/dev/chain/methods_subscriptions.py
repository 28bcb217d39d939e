"""Being told of what is new: eth_subscribe and eth_unsubscribe, over WebSocket."""

from minirelay.dev.chain.context import Context, Method
from minirelay.dev.chain.errors import METHOD_NOT_FOUND, RpcError, invalid_params
from minirelay.dev.chain.methods_logs import read_criteria
from minirelay.dev.chain.params import Params, members, quantity
from minirelay.dev.chain.subscriptions import Subscriptions


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


METHODS: dict[str, Method] = {"eth_subscribe": subscribe, "eth_unsubscribe": unsubscribe}
