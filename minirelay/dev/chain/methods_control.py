"""Blocks, time and state at will: evm_mine, evm_snapshot, and what Anvil and Hardhat have names for."""

from collections.abc import Callable

from eth.abc import StateAPI
from eth.constants import UINT_256_MAX
from eth_typing import Address

from minirelay.dev.chain.context import Context, Method, Params, address, data, flag, members, quantity, sized
from minirelay.dev.chain.errors import invalid_params

MAX_BLOCKS = 10_000
# The end of time, so that timestamps stay exact in every script's numbers.
MAX_TIMESTAMP = 1 << 53
MAX_CODE_BYTES = 1024 * 1024
MAX_NONCE = (1 << 64) - 2
MAX_INTERVAL_MS = 24 * 3600 * 1000


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


def mine_many(context: Context, params: Params) -> None:
    """Mine: how many blocks (one), and how many seconds lie between them (one)."""
    blocks = quantity(params[0]) if params.has(0) else 1
    if blocks > MAX_BLOCKS:
        raise invalid_params(f"at most {MAX_BLOCKS} blocks at a time")
    interval = quantity(params[1]) if params.has(1) else None
    newest = context.node.chain.head.timestamp
    if interval is not None and newest + blocks * interval > MAX_TIMESTAMP:
        raise invalid_params("timestamp is too far away")
    for number in range(blocks):
        # The first comes when it comes.
        if interval and number:
            context.node.set_next_timestamp(timestamp(context.node.chain.head.timestamp + interval))
        context.node.mine()


def reorganise(context: Context, params: Params) -> None:
    """Replace the newest blocks: how many, and [[signed transaction, in which of the new ones], …]."""
    depth = quantity(params[0])
    if depth > MAX_BLOCKS:
        raise invalid_params(f"at most {MAX_BLOCKS} blocks at a time")
    moved = params[1] if params.has(1) else []
    if not isinstance(moved, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in moved):
        raise invalid_params("not a list of pairs: a signed transaction, and its place")
    context.node.reorganise(depth, [(data(raw), quantity(place)) for raw, place in moved])


def automine(context: Context, _params: Params) -> bool:
    """Return whether each transaction makes a block."""
    return context.node.mines_at_once


def set_balance(context: Context, params: Params) -> bool:
    """Return an account exactly so many wei."""
    account, wei = address(params[0]), quantity(params[1])
    return _change(context, lambda state: state.set_balance(account, wei))


def set_code(context: Context, params: Params) -> bool:
    """Put code at an address."""
    account, code = address(params[0]), data(params[1])
    if len(code) > MAX_CODE_BYTES:
        raise invalid_params(f"at most {MAX_CODE_BYTES} bytes of code")
    return _change(context, lambda state: state.set_code(account, code))


def set_nonce(context: Context, params: Params) -> bool:
    """Set an account's nonce, which may not go down."""
    account, nonce = address(params[0]), quantity(params[1])
    if not context.node.nonce(account) <= nonce <= MAX_NONCE:
        raise invalid_params("a nonce can't go down, nor beyond 2^64 - 2")
    return _change(context, lambda state: state.set_nonce(account, nonce))


def set_storage_at(context: Context, params: Params) -> bool:
    """Set one storage slot to 32 bytes."""
    account, slot = address(params[0]), quantity(params[1])
    value = int.from_bytes(sized(params[2], 32))
    return _change(context, lambda state: _set_slot(state, account, slot, value))


def _set_slot(state: StateAPI, account: Address, slot: int, value: int) -> None:
    state.set_storage(account, min(slot, UINT_256_MAX), value)


def impersonate(context: Context, params: Params) -> bool:
    """Let unsigned transactions come from an address whose key is unknown."""
    context.node.impersonated.add(address(params[0]))
    return True


def stop_impersonating(context: Context, params: Params) -> bool:
    """Let them come from it no more. Returns whether they could."""
    account = address(params[0])
    was = account in context.node.impersonated
    context.node.impersonated.discard(account)
    return was


def set_automine(context: Context, params: Params) -> bool:
    """Choose whether each transaction makes a block; if so, what waits makes one now."""
    context.node.set_automine(flag(params[0]))
    return True


def set_interval_mining(context: Context, params: Params) -> bool:
    """Mine a block each so many milliseconds; 0: none."""
    interval_ms = quantity(params[0])
    if interval_ms > MAX_INTERVAL_MS:
        raise invalid_params(f"at most {MAX_INTERVAL_MS} milliseconds")
    context.node.set_interval(interval_ms / 1000)
    return True


def _change(context: Context, edit: Callable[[StateAPI], None]) -> bool:
    context.node.chain.change(edit)
    return True


_NAMED: dict[str, Method] = {
    "mine": mine_many,
    "setBalance": set_balance,
    "setCode": set_code,
    "setNonce": set_nonce,
    "setStorageAt": set_storage_at,
    "impersonateAccount": impersonate,
    "stopImpersonatingAccount": stop_impersonating,
}


METHODS: dict[str, Method] = {
    "evm_mine": mine,
    "evm_snapshot": snapshot,
    "evm_revert": revert,
    "evm_increaseTime": increase_time,
    "evm_setNextBlockTimestamp": set_next_block_timestamp,
    **{f"{tool}_{name}": method for tool in ("anvil", "hardhat") for name, method in _NAMED.items()},
    "anvil_reorg": reorganise,
    "anvil_getAutomine": automine,
    "hardhat_getAutomine": automine,
    "evm_setAutomine": set_automine,
    "evm_setIntervalMining": set_interval_mining,
}
