"""Blocks and time at will: evm_mine, evm_snapshot and their like."""

from minirelay.dev.chain.context import Context, Method
from minirelay.dev.chain.errors import invalid_params
from minirelay.dev.chain.params import Params, members, quantity

MAX_BLOCKS = 10_000
# The end of time, so that timestamps stay exact in every script's numbers.
MAX_TIMESTAMP = 1 << 53


def mine(context: Context, params: Params) -> str:
    """Mine: one block, one with a given timestamp, or {"blocks": how many, "timestamp": of the first}."""
    wanted = members(params[0]) if params.has(0) and isinstance(params[0], dict) else {}
    if params.has(0) and not isinstance(params[0], dict):
        wanted = {"timestamp": params[0]}
    blocks = quantity(wanted.get("blocks", 1))
    if blocks > MAX_BLOCKS:
        raise invalid_params(f"at most {MAX_BLOCKS} blocks at a time")
    if "timestamp" in wanted:
        context.node.set_next_timestamp(timestamp(wanted["timestamp"]))
    for _ in range(blocks):
        context.node.mine()
    return "0x0"


def snapshot(context: Context, _params: Params) -> str:
    """Remember where the chain is."""
    return hex(context.node.take_snapshot())


def revert(context: Context, params: Params) -> bool:
    """Go back to a snapshot."""
    return context.node.revert_to(quantity(params[0]))


def increase_time(context: Context, params: Params) -> int:
    """Let the clock run ahead by this many seconds. Returns by how many it does altogether."""
    clock = context.node.chain.clock
    timestamp(context.node.chain.next_header().timestamp + quantity(params[0]))
    clock.advance(quantity(params[0]))
    return clock.offset_s


def set_next_block_timestamp(context: Context, params: Params) -> None:
    """Choose the next block's timestamp; time flows on from there."""
    context.node.set_next_timestamp(timestamp(params[0]))


def timestamp(value: object) -> int:
    """Read a timestamp that is not beyond all scripts' numbers. Raises RpcError."""
    seconds = quantity(value)
    if seconds > MAX_TIMESTAMP:
        raise invalid_params("timestamp is too far away")
    return seconds


METHODS: dict[str, Method] = {
    "evm_mine": mine,
    "evm_snapshot": snapshot,
    "evm_revert": revert,
    "evm_increaseTime": increase_time,
    "evm_setNextBlockTimestamp": set_next_block_timestamp,
}
