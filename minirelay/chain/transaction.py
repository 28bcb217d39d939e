"""Sending a transaction (EIP-1559) and waiting until it is mined."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable, NodeRefused, TransactionFailed, WalletUnfunded
from minirelay.chain.wallet import Wallet
from minirelay.errors import ChainError, MalformedInput
from minirelay.protocol.json_rpc import read_data, read_quantity, write_data
from minirelay.protocol.signing import checksum_address

RECEIPT_POLL_S: Final = 1.0
RECEIPT_POLLS: Final = 300
_WEI: Final = 10**18


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction. hash: 32 bytes."""

    hash: bytes
    block_number: int


@dataclass(frozen=True, slots=True)
class Fees:
    """What a unit of gas may cost, in wei."""

    highest: int
    tip: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a transaction may cost at most. gas: its limit. balance: the wallet's, in wei."""

    gas: int
    fees: Fees
    balance: int

    @property
    def highest(self) -> int:
        """Give the most that it can cost, in wei."""
        return self.gas * self.fees.highest


async def estimate_cost(chain: Chain, wallet: Wallet, to: bytes, data: bytes) -> Cost:
    """Find out what a transaction would cost, without sending it; like `send` but for TransactionFailed."""
    call = _call(wallet, to, data)
    balance = await chain.quantity("eth_getBalance", call["from"], "latest")
    fees = await suggest_fees(chain)
    cost = Cost(await _estimate_gas(chain, wallet, call, balance), fees, balance)
    if balance < cost.highest:
        raise _unfunded(chain, wallet, balance, cost.highest)
    return cost


async def send(
    chain: Chain,
    wallet: Wallet,
    to: bytes,
    data: bytes,
    *,
    cost: Cost | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Receipt:
    """Call a contract (20-byte address, call data) in a transaction of the wallet; returns when it is mined.

    cost: what was agreed to, and is not exceeded; estimated here without it. Raises WalletUnfunded,
    TransactionFailed, Reverted, NodeRefused, ChainUnreachable.
    """
    cost = cost or await estimate_cost(chain, wallet, to, data)
    address = write_data(wallet.address)
    raw, digest = wallet.sign_transaction(
        {
            "type": 2,
            "chainId": chain.chain_id,
            "nonce": await chain.quantity("eth_getTransactionCount", address, "pending"),
            "to": to,
            "value": 0,
            "data": data,
            "gas": cost.gas,
            "maxFeePerGas": cost.fees.highest,
            "maxPriorityFeePerGas": cost.fees.tip,
        }
    )
    await _submit(chain, raw, digest)
    return await _await_receipt(chain, digest, sleep)


def _call(wallet: Wallet, to: bytes, data: bytes) -> dict[str, str]:
    return {"from": write_data(wallet.address), "to": write_data(to), "data": write_data(data)}


async def suggest_fees(chain: Chain) -> Fees:
    """Ask for fees with which a transaction is mined soon: twice the base fee, and a tip."""
    base = await chain.request("eth_getBlockByNumber", ["latest", False], read_base_fee)
    try:
        tip = await chain.quantity("eth_maxPriorityFeePerGas")
    except NodeRefused:
        tip = max(0, await chain.quantity("eth_gasPrice") - base)
    return Fees(2 * base + tip, tip)


async def _estimate_gas(chain: Chain, wallet: Wallet, call: Mapping[str, object], balance: int) -> int:
    try:
        estimate = await chain.quantity("eth_estimateGas", call)
    except NodeRefused as refusal:
        if "insufficient funds" in refusal.error.message.lower():
            raise _unfunded(chain, wallet, balance, None) from refusal
        raise
    # What the call costs may have changed by the time it is mined.
    return estimate * 5 // 4


async def _submit(chain: Chain, raw: bytes, digest: bytes) -> None:
    try:
        await chain.request("eth_sendRawTransaction", [write_data(raw)], read_data)
    except NodeRefused:
        # It may have arrived all the same, through an endpoint that failed before it could say so.
        if not await chain.request("eth_getTransactionByHash", [write_data(digest)], bool):
            raise


async def _await_receipt(chain: Chain, digest: bytes, sleep: Callable[[float], Awaitable[None]]) -> Receipt:
    name = write_data(digest)
    problem = ""
    for _ in range(RECEIPT_POLLS):
        try:
            receipt = await chain.request("eth_getTransactionReceipt", [name], read_receipt)
        except ChainUnreachable as error:
            problem = f"; {error}"
        else:
            if receipt is not None:
                has_succeeded, block_number = receipt
                if not has_succeeded:
                    raise TransactionFailed(f"transaction {name} on chain {chain.chain_id} failed")
                return Receipt(digest, block_number)
        await sleep(RECEIPT_POLL_S)
    raise TransactionFailed(
        f"transaction {name} on chain {chain.chain_id} was sent, but not seen mined within "
        f"{RECEIPT_POLLS * RECEIPT_POLL_S:g} s; it still may be{problem}"
    )


def _unfunded(chain: Chain, wallet: Wallet, balance: int, cost: int | None) -> ChainError:
    need = "some coins for fees" if cost is None else f"up to {cost / _WEI:.6f} coins for fees"
    return WalletUnfunded(
        f"the relay's wallet has {balance / _WEI:.6f} coins on chain {chain.chain_id} and needs {need}; "
        f"send some to {checksum_address(wallet.address)}"
    )


def read_base_fee(block: object) -> int:
    """Read the base fee of a block, in wei. Raises MalformedInput."""
    if not isinstance(block, dict):
        raise MalformedInput("not a block")
    return read_quantity(block.get("baseFeePerGas"))


def read_receipt(receipt: object) -> tuple[bool, int] | None:
    """Read whether a transaction succeeded, and in which block; None before that. Raises MalformedInput."""
    if receipt is None:
        return None
    if not isinstance(receipt, dict):
        raise MalformedInput("not a receipt")
    return read_quantity(receipt.get("status")) == 1, read_quantity(receipt.get("blockNumber"))
