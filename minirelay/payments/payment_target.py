"""Where a request is paid, and what proves that it was: by address, as the deployed contract has it.

Later contracts may pay per order; whoever watches asks only this.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from minirelay.chain.findings import ChainReader, FoundLog, LogFilter
from minirelay.chain.question import Question
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.payments_contract import GET_BYTECODE
from minirelay.protocol.signing import keccak256
from minirelay.shop.payment_request import (
    PaymentRequest,
    abi_values,
    creation_code_of,
    payment_address,
)

PAYMENT_MADE: Final = keccak256(b"PaymentMade(uint256)")
_PAYEE: Final = b"\x01" * 20


class ProvenEvent(Protocol):
    """An event that proves a payment; see `native_proof.Proof`."""

    @property
    def event(self) -> FoundLog:
        """The event."""

    @property
    def payer(self) -> bytes | None:
        """Who has paid, if that is what proves it, and not the event by itself."""


class Prover(Protocol):
    """Says which of a request's events proves that coins were paid: `native_proof.NativeProver`."""

    async def prove(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader, at: BlockId
    ) -> ProvenEvent | None:
        """Return the proof that a request was paid; None if its events prove nothing.

        at: a canonical block whose state can be had. Raises ChainError: nothing is known, ask again.
        """


class ProverMaker(Protocol):
    """Makes the prover of a chain, once the creation code of its payment addresses is known."""

    def __call__(self, creation_code: bytes, /) -> Prover:
        """Make it."""


class PaymentTarget(Protocol):
    """How requests of one chain are paid. `open` comes first; until then nothing else can be asked."""

    @property
    def is_open(self) -> bool:
        """Return whether addresses are known."""

    @property
    def log_filter(self) -> LogFilter:
        """Return which logs tell of payments."""

    def request_id(self, log: FoundLog) -> bytes | None:
        """Return the PaymentID that a log is about; None if it is about no payment."""

    async def open(self, reader: ChainReader) -> None:
        """Learn from the chain what addresses are made of. Raises ChainError."""

    def address_of(self, request: PaymentRequest) -> bytes:
        """Return the address at which a request is paid, 20 bytes."""

    async def prove(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader, at: BlockId
    ) -> ProvenEvent | None:
        """Return which of the events proves a payment, None if none does. Raises like `Prover.prove`."""


class PayByAddress:
    """Payments to addresses of the Payments contract, and calls of it."""

    def __init__(self, chain_id: int, contract: bytes, make_prover: ProverMaker) -> None:
        """contract: its address, 20 bytes."""
        self._chain_id = chain_id
        self._contract = contract
        self._make_prover = make_prover
        self._creation_code = b""
        self._prover: Prover | None = None

    @property
    def is_open(self) -> bool:
        """Return whether addresses are known."""
        return self._prover is not None

    @property
    def log_filter(self) -> LogFilter:
        """Return which logs tell of payments."""
        return LogFilter(self._contract, (PAYMENT_MADE,))

    def request_id(self, log: FoundLog) -> bytes | None:
        """Return the PaymentID that a log is about; None if it is about no payment."""
        is_one = log.address == self._contract and len(log.topics) == 2 and log.topics[0] == PAYMENT_MADE
        return log.topics[1] if is_one else None

    async def open(self, reader: ChainReader) -> None:
        """Read the creation code of payment addresses, a constant of the contract. Raises ChainError."""
        request = PaymentRequest(
            chain_id=self._chain_id, ttl=1, currency=NATIVE_COIN, amount=1, payee=_PAYEE, shop_id=1
        )
        data = GET_BYTECODE.encode(abi_values(request), _PAYEE)
        call = {"to": write_data(self._contract), "data": write_data(data)}

        def read(result: object) -> bytes:
            return creation_code_of(
                GET_BYTECODE.decode(read_data(result))[0], request, self._contract, _PAYEE
            )

        question = Question(Request("eth_call", [call, "latest"], GET_BYTECODE.most_bytes), read)
        (code,) = await reader.request_many([question])
        if not isinstance(code, bytes):
            raise code
        self._creation_code = code
        self._prover = self._make_prover(code)

    def address_of(self, request: PaymentRequest) -> bytes:
        """Return the address at which a request is paid, 20 bytes: that with the payee as refund."""
        return payment_address(request, self._contract, self._creation_code, request.payee)

    async def prove(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader, at: BlockId
    ) -> ProvenEvent | None:
        """Return which of the events proves a payment, None if none does. Raises like `Prover.prove`."""
        if self._prover is None:
            raise RuntimeError("the payment target is not open")
        return await self._prover.prove(request, events, reader, at)
