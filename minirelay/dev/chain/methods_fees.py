"""What gas costs: eth_gasPrice, eth_feeHistory and their like."""

from collections.abc import Sequence

from eth.abc import BlockHeaderAPI

from minirelay.dev.chain.blockchain import base_fee
from minirelay.dev.chain.context import Context, Method, Params, block, quantity
from minirelay.dev.chain.errors import invalid_params
from minirelay.dev.chain.node import decode_transaction
from minirelay.dev.chain.shapes import Json, effective_gas_price

PRIORITY_FEE_WEI = 10**9
MAX_BLOCKS = 1024
MAX_PERCENTILES = 100


def gas_price(context: Context, _params: Params) -> str:
    """Return a price at which a transaction gets into the next block."""
    return hex(base_fee(context.node.chain.next_header()) + PRIORITY_FEE_WEI)


def max_priority_fee_per_gas(_context: Context, _params: Params) -> str:
    """Return the usual tip."""
    return hex(PRIORITY_FEE_WEI)


def blob_base_fee(_context: Context, _params: Params) -> str:
    """Return the least that blob gas costs: blobs are not taken here."""
    return "0x1"


def fee_history(context: Context, params: Params) -> Json:
    """Return fees, fullness and tips of the last blocks: how many, up to which, at which percentiles."""
    newest = context.header(block(params[1])).block_number
    count = min(quantity(params[0]), MAX_BLOCKS, newest + 1)
    percentiles = _percentiles(params[2] if params.has(2) else [])
    headers = [context.header(number) for number in range(newest + 1 - count, newest + 1)]
    history: Json = {
        "oldestBlock": hex(newest + 1 - count),
        "baseFeePerGas": [hex(base_fee(header)) for header in headers],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        "baseFeePerBlobGas": ["0x1"] * (count + 1),
        "blobGasUsedRatio": [0.0] * count,
    }
    history["baseFeePerGas"].append(hex(_base_fee_after(context, newest)))
    if percentiles:
        history["reward"] = [
            [hex(tip) for tip in _rewards(context, header, percentiles)] for header in headers
        ]
    return history


def _percentiles(value: object) -> Sequence[float]:
    if not isinstance(value, list) or len(value) > MAX_PERCENTILES:
        raise invalid_params(f"expected at most {MAX_PERCENTILES} percentiles")
    numbers = [p for p in value if isinstance(p, (int, float)) and not isinstance(p, bool) and 0 <= p <= 100]
    if len(numbers) != len(value) or numbers != sorted(numbers):
        raise invalid_params("expected percentiles from 0 to 100, ascending")
    return numbers


def _base_fee_after(context: Context, number: int) -> int:
    chain = context.node.chain
    if number == chain.head.block_number:
        return base_fee(chain.next_header())
    return base_fee(context.header(number + 1))


def _rewards(context: Context, header: BlockHeaderAPI, percentiles: Sequence[float]) -> list[int]:
    """Return the tips per gas at these percentiles of a block's gas."""
    mined = context.node.ledger.transactions_in(header.block_number)
    tips = sorted(
        (effective_gas_price(decode_transaction(t.raw), header) - base_fee(header), t.gas_used) for t in mined
    )
    rewards = []
    for percentile in percentiles:
        reached, tip = 0, 0
        for tip, gas_used in tips:  # noqa: B007 (the last one reached counts)
            reached += gas_used
            if reached >= header.gas_used * percentile / 100:
                break
        rewards.append(tip)
    return rewards


METHODS: dict[str, Method] = {
    "eth_gasPrice": gas_price,
    "eth_maxPriorityFeePerGas": max_priority_fee_per_gas,
    "eth_blobBaseFee": blob_base_fee,
    "eth_feeHistory": fee_history,
}
