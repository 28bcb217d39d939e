"""Sending transactions (EIP-1559) through web3, and waiting until they are mined."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self, cast

from minirelay.chain.amounts import show_exact
from minirelay.chain.chain import Chain
from minirelay.chain.errors import (
    ChainUnreachable,
    NodeRefused,
    TransactionFailed,
    TransactionPending,
    WalletUnfunded,
)
from minirelay.chain.wallet import Wallet, recursion_limit_kept
from minirelay.errors import ChainError
from minirelay.protocol.abi import Abi
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.json_rpc import write_data
from minirelay.protocol.signing import checksum_address

if TYPE_CHECKING:
    from eth_typing import HexStr
    from web3 import AsyncWeb3
    from web3.types import TxReceipt

POLL_S: Final = 1.0
TIMEOUT_S: Final = 300.0


async def open_web3(chain: Chain) -> "AsyncWeb3[Any]":
    """Make a web3 over the endpoints of a chain. The first time in a process, it is imported."""
    # In a thread, since this takes half a second, which sessions should not have to wait for.
    with recursion_limit_kept():
        connect = await asyncio.to_thread(_import_connect)
    return connect(chain)


def _import_connect() -> "Callable[[Chain], AsyncWeb3[Any]]":
    from minirelay.chain.web3_provider import connect

    return connect


@dataclass(frozen=True, slots=True)
class ContractCall:
    """What a transaction does: a function of the contract at this address, 20 bytes.

    gas: its limit; None: as much as it takes now, and a quarter.
    """

    abi: Abi
    address: bytes
    function: str
    arguments: tuple[object, ...]
    gas: int | None = None

    @property
    def data(self) -> bytes:
        """Return the call data: what a transaction of another wallet would have to bring."""
        return self.abi.function(self.function).encode(*self.arguments)


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that was sent, as far as it matters while it is not mined. Fees: per gas, in wei."""

    chain_id: int
    sender: bytes
    nonce: int
    max_fee: int
    tip: int
    hash: bytes

    def encode(self) -> bytes:
        """Encode it for the database."""
        numbers = (self.chain_id, self.nonce, self.max_fee, self.tip)
        return b"".join(number.to_bytes(WORD_BYTES) for number in numbers) + self.hash + self.sender

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` made."""
        words = [data[start : start + WORD_BYTES] for start in range(0, 6 * WORD_BYTES, WORD_BYTES)]
        chain_id, nonce, max_fee, tip = (int.from_bytes(word) for word in words[:4])
        return cls(chain_id, words[5], nonce, max_fee, tip, words[4])


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction that is ready to be sent. raw: its bytes, with which anybody could send it."""

    sent: Sent
    raw: bytes


@dataclass(frozen=True, slots=True)
class PlannedTransaction:
    """A transaction that only lacks its nonce. fields: as web3 has them. balance: the wallet's, in wei.

    instead_of: a transaction that it shall replace, so that only one of the two can be mined.
    """

    fields: Mapping[str, Any]
    balance: int
    instead_of: Sent | None

    @property
    def highest_cost(self) -> int:
        """Return the most that it can cost, in wei."""
        return int(self.fields["gas"] * self.fields["maxFeePerGas"])

    def with_fees(self, max_fee: int, tip: int, *, instead_of: Sent | None) -> "PlannedTransaction":
        """Return it with other fees, per gas in wei, which have to be enough to replace another one."""
        fields = dict(self.fields) | {"maxFeePerGas": max_fee, "maxPriorityFeePerGas": tip}
        return replace(self, fields=fields, instead_of=instead_of)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction. hash: 32 bytes."""

    hash: bytes
    block_number: int


class Sender:
    """Sends the transactions of one wallet on one chain."""

    def __init__(
        self,
        chain: Chain,
        wallet: Wallet,
        *,
        poll_s: float = POLL_S,
        timeout_s: float = TIMEOUT_S,
        named: str = "the relay's wallet",
    ) -> None:
        """poll_s, timeout_s: how often, and how long, to look whether a transaction is mined.

        named: what the wallet is called in messages.
        """
        self._chain = chain
        self._wallet = wallet
        self._named = named
        self._poll_s = poll_s
        self._timeout_s = timeout_s

    async def plan(self, call: ContractCall, *, instead_of: Sent | None = None) -> PlannedTransaction:
        """Prepare a transaction, and find out what it costs at most. Nothing is sent.

        instead_of: see `may_be_mined`. Raises WalletUnfunded, Reverted, NodeRefused, ChainUnreachable.
        """
        web3 = await open_web3(self._chain)
        balance = await self._chain.quantity("eth_getBalance", write_data(self._wallet.address), "latest")
        contract = web3.eth.contract(address=web3.to_checksum_address(call.address), abi=call.abi.entries)
        function = contract.functions[call.function](*call.arguments)
        try:
            fields = dict(
                await function.build_transaction(
                    {
                        "from": web3.to_checksum_address(self._wallet.address),
                        "chainId": self._chain.chain_id,
                        **({} if call.gas is None else {"gas": call.gas}),
                    }
                )
            )
        except NodeRefused as refusal:
            if "insufficient funds" in refusal.error.message.lower():
                raise self.unfunded(balance, None) from refusal
            raise
        planned = PlannedTransaction(_with_reserves(fields, instead_of, call.gas), balance, instead_of)
        if balance < planned.highest_cost:
            raise self.unfunded(balance, planned.highest_cost)
        return planned

    async def send(
        self, planned: PlannedTransaction, note: Callable[[Sent], Awaitable[None]] | None = None
    ) -> Receipt:
        """Send a transaction; returns when it is mined. It costs no more than was planned.

        Whatever else this wallet sends on the chain waits until then. note: is told of it right before.
        Raises TransactionFailed, NodeRefused, ChainUnreachable.
        """
        async with self._wallet.sending(self._chain.chain_id):
            signed = await self.sign(planned)
            if note is not None:
                await note(signed.sent)
            await self.submit(signed)
            return await self._await_receipt(signed.sent.hash)

    async def sign(self, planned: PlannedTransaction) -> Signed:
        """Give a transaction its nonce and sign it; only while the lock is held. Raises as `send`."""
        nonce = await self._nonce(planned.instead_of)
        fields = {name: value for name, value in planned.fields.items() if name != "from"} | {"nonce": nonce}
        raw, digest = self._wallet.sign_transaction(fields)
        max_fee, tip = fields["maxFeePerGas"], fields["maxPriorityFeePerGas"]
        return Signed(Sent(self._chain.chain_id, self._wallet.address, nonce, max_fee, tip, digest), raw)

    async def may_be_mined(self, sent: Sent) -> bool:
        """Return whether a transaction may still be mined: its nonce is the next one, or waits behind others.

        Raises ChainUnreachable.
        """
        if (sent.chain_id, sent.sender) != (self._chain.chain_id, self._wallet.address):
            return False
        return await self._count("latest") <= sent.nonce <= await self._count("pending")

    async def has_waiting(self) -> bool:
        """Return whether any transaction of the wallet waits, whoever sent it. Raises ChainUnreachable."""
        return await self._count("latest") < await self._count("pending")

    async def _nonce(self, instead_of: Sent | None) -> int:
        if instead_of is None:
            return await self._count("pending")
        if await self.may_be_mined(instead_of):
            return instead_of.nonce
        raise TransactionFailed(
            f"transaction {write_data(instead_of.hash)} on chain {self._chain.chain_id} waits no more; "
            "nothing was sent in its place"
        )

    async def _count(self, block: str) -> int:
        address = write_data(self._wallet.address)
        return await self._chain.quantity("eth_getTransactionCount", address, block)

    async def submit(self, signed: Signed) -> None:
        """Hand a transaction to a node, maybe again; don't wait for it. Raises NodeRefused, ChainUnreachable.

        A no says little: what it was to do may be done. One that the node knows already is taken.
        """
        web3 = await open_web3(self._chain)
        try:
            await web3.eth.send_raw_transaction(signed.raw)
        except NodeRefused:
            # It may have arrived all the same, through an endpoint that failed before it could say so.
            digest = write_data(signed.sent.hash)
            if not await self._chain.request("eth_getTransactionByHash", [digest], bool):
                raise

    async def _await_receipt(self, digest: bytes) -> Receipt:
        name = f"transaction {write_data(digest)} on chain {self._chain.chain_id}"
        problems: list[str] = []
        try:
            async with asyncio.timeout(self._timeout_s):
                receipt = await self._poll_receipt(digest, problems)
        except TimeoutError as error:
            raise TransactionPending(
                f"{name} was sent, but not seen mined within {self._timeout_s:g} s; it still may be"
                + "".join(f"; {problem}" for problem in problems[-1:])
            ) from error
        if receipt["status"] != 1:
            raise TransactionFailed(f"{name} failed")
        return Receipt(digest, receipt["blockNumber"])

    async def _poll_receipt(self, digest: bytes, problems: list[str]) -> "TxReceipt":
        """Wait for a receipt, whatever becomes of the endpoints; the last of their problems is noted."""
        web3 = await open_web3(self._chain)
        name = cast("HexStr", write_data(digest))
        while True:
            try:
                return await web3.eth.wait_for_transaction_receipt(
                    name, timeout=None, poll_latency=self._poll_s
                )
            except ChainUnreachable as error:
                problems[:] = [str(error)]
                await asyncio.sleep(self._poll_s)

    def unfunded(self, balance: int, cost: int | None) -> ChainError:
        """Return the error that says what the wallet has and needs, in wei, and where to send it."""
        need = "some coins for fees" if cost is None else f"up to {show_exact(cost)} coins for fees"
        return WalletUnfunded(
            f"{self._named} has {show_exact(balance)} coins on chain {self._chain.chain_id} "
            f"and needs {need}; send some to {checksum_address(self._wallet.address)}"
        )


def _with_reserves(fields: Mapping[str, Any], instead_of: Sent | None, gas: int | None) -> dict[str, Any]:
    """Add gas, since what the call costs may have changed when it is mined, and fees to replace another."""
    reserved = dict(fields) | {"gas": fields["gas"] * 5 // 4 if gas is None else gas}
    if instead_of is not None:
        # Nodes take a transaction in the place of another for 10 % more, some for 12.5 %.
        reserved["maxFeePerGas"] = max(fields["maxFeePerGas"], an_eighth_more(instead_of.max_fee))
        reserved["maxPriorityFeePerGas"] = max(fields["maxPriorityFeePerGas"], an_eighth_more(instead_of.tip))
    return reserved


def an_eighth_more(fee: int) -> int:
    """Return the least fee with which every node takes one transaction in the place of another."""
    return -(-fee * 9 // 8)
