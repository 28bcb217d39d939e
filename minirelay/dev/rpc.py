"""Asking a node, as setting up a development chain needs it: calls in batches, transactions of one key."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from eth_account import Account as Signer

from minirelay.dev.accounts import Account
from minirelay.errors import ChainError

# A call: the method, and its parameters.
Call = tuple[str, Sequence[Any]]

PRIORITY_FEE_WEI = 10**9
RECEIPT_POLL_S = 0.05
RECEIPT_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A transaction to send: a 20-byte address, call data, wei."""

    to: bytes
    data: bytes = b""
    value: int = 0


class Rpc:
    """One JSON-RPC endpoint over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """session: is closed by whoever opened it."""
        self._session = session
        self._url = url

    async def call(self, method: str, *params: Any) -> Any:
        """Return one call's result. Raises ChainError."""
        return (await self.batch([(method, params)]))[0]

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Return the results of calls, in their order. Raises ChainError for the first that failed."""
        requests = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": list(params)}
            for index, (method, params) in enumerate(calls)
        ]
        try:
            async with self._session.post(self._url, json=requests) as response:
                answers = await response.json(content_type=None)
            by_id = {answer["id"]: answer for answer in answers}
            in_order = [by_id[index] for index in range(len(calls))]
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
            raise ChainError(f"{self._url} can't be asked: {error or type(error).__name__}") from error
        for (method, _), answer in zip(calls, in_order, strict=True):
            if answer.get("error") is not None:
                raise ChainError(f"{method} failed: {answer['error'].get('message', answer['error'])}")
        return [answer.get("result") for answer in in_order]

    async def transact(self, sender: Account, outgoing: Sequence[Outgoing]) -> None:
        """Send transactions of one account, and wait until all are mined. Raises ChainError if one fails."""
        if not outgoing:
            return
        described = [
            {"from": sender.address, "to": _hex(o.to), "data": _hex(o.data), "value": hex(o.value)}
            for o in outgoing
        ]
        chain_id, nonce, gas_price, *estimates = await self.batch(
            [
                ("eth_chainId", ()),
                ("eth_getTransactionCount", (sender.address, "pending")),
                ("eth_gasPrice", ()),
                *(("eth_estimateGas", (one,)) for one in described),
            ]
        )
        fees = {"maxPriorityFeePerGas": PRIORITY_FEE_WEI, "maxFeePerGas": 2 * int(gas_price, 16)}
        signed = [
            Signer.sign_transaction(
                {
                    **fees,
                    "type": 2,
                    "chainId": int(chain_id, 16),
                    "nonce": int(nonce, 16) + index,
                    "gas": int(estimate, 16),
                    "to": o.to,
                    "value": o.value,
                    "data": o.data,
                },
                sender.private_key,
            ).raw_transaction
            for index, (o, estimate) in enumerate(zip(outgoing, estimates, strict=True))
        ]
        await self.send_raw(signed)

    async def send_raw(self, signed: Sequence[bytes]) -> None:
        """Send signed transactions and wait until all are mined. Raises ChainError if one fails."""
        hashes = await self.batch([("eth_sendRawTransaction", (_hex(raw),)) for raw in signed])
        deadline = time.monotonic() + RECEIPT_TIMEOUT_S
        while hashes:
            receipts = await self.batch([("eth_getTransactionReceipt", (h,)) for h in hashes])
            if any(receipt is not None and receipt["status"] != "0x1" for receipt in receipts):
                raise ChainError("a transaction was mined but failed")
            hashes = [h for h, receipt in zip(hashes, receipts, strict=True) if receipt is None]
            if hashes and time.monotonic() > deadline:
                raise ChainError(f"transactions were not mined within {RECEIPT_TIMEOUT_S:.0f} s")
            if hashes:
                await asyncio.sleep(RECEIPT_POLL_S)


def _hex(data: bytes) -> str:
    return "0x" + bytes(data).hex()
