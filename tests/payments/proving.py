"""Payments and their events, in both variants of the contract, for the tests of what proves them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from eth_hash.auto import keccak
from web3 import Web3
from web3.types import TxReceipt

from minirelay.chain.chain import Chain
from minirelay.chain.errors import AnswerTooLong, BudgetSpent, Reverted
from minirelay.chain.findings import ChainReader, FoundLog
from minirelay.chain.question import Question
from minirelay.payments.native_proof import NativeProver, Proof
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import write_data
from minirelay.shop.payment_request import PaymentRequest, abi_values, creation_code_of, payment_id
from tests.chain.nodes import CHAIN_ID
from tests.dev.contracts.contract_calls import PAYEE, call
from tests.dev.contracts.payment_requests import FAR_TTL, Request, permit
from tests.system.payers import Payer

T = TypeVar("T")

AMOUNT = 1000
PAYMENT_MADE = keccak(b"PaymentMade(uint256)")


def request_for(shop_id: int = 1, **changed: object) -> PaymentRequest:
    """Make a request in coins as the relay makes them; some values can be changed."""
    values = {
        "chain_id": CHAIN_ID,
        "ttl": FAR_TTL,
        "currency": NATIVE_COIN,
        "amount": AMOUNT,
        "payee": bytes.fromhex(PAYEE[2:]),
        "shop_id": shop_id,
    }
    return PaymentRequest(**(values | changed))  # type: ignore[arg-type]


def address(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@dataclass
class Proving:
    """A chain, a payer, and a prover."""

    w3: Web3
    payer: Payer
    chain: Chain
    prover: NativeProver = field(init=False)

    def __post_init__(self) -> None:
        self.prover = self.new_prover()

    def new_prover(self, permit2: str | None = None) -> NativeProver:
        contracts, request = self.payer.contracts, request_for()
        payments = address(contracts.payments.address)
        code = call(self.payer.function("getBytecode", abi_values(request), PAYEE))
        creation_code = creation_code_of(code, request, payments, request.payee)
        return NativeProver(CHAIN_ID, payments, address(permit2 or contracts.permit2.address), creation_code)

    def events(self, request: PaymentRequest, *receipts: TxReceipt) -> list[FoundLog]:
        """Find the PaymentMade of a request in receipts."""
        return [
            log
            for receipt in receipts
            for log in map(found_log, receipt["logs"])
            if log.topics == (PAYMENT_MADE, payment_id(request))
            and log.address == address(self.payer.contracts.payments.address)
        ]

    def head(self) -> BlockId:
        block = self.w3.eth.get_block("latest")
        return BlockId(block["number"], bytes(block["hash"]))

    async def prove(
        self, request: PaymentRequest, *receipts: TxReceipt, reader: ChainReader | None = None
    ) -> Proof | None:
        events = self.events(request, *receipts)
        assert events
        return await self.prover.prove(request, events, reader or self.chain, self.head())

    def permit(self, request: PaymentRequest) -> bytes:
        """Sign the permit with which the deployed contract takes currency 0, as the payer."""
        values = Request(*abi_values(request))  # type: ignore[arg-type]
        named = values._replace(
            currency=self.w3.to_checksum_address(request.currency),
            payee_address=self.w3.to_checksum_address(request.payee),
        )
        return permit(self.payer.contracts, named, nonce=0)


def found_log(log: object) -> FoundLog:
    """Turn a log of web3's into one of the poller's."""
    content = dict(log)  # type: ignore[call-overload]
    return FoundLog(
        address=address(content["address"]),
        topics=tuple(map(bytes, content["topics"])),
        data=bytes(content["data"]),
        block=BlockId(content["blockNumber"], bytes(content["blockHash"])),
        transaction_hash=bytes(content["transactionHash"]),
        index=content["logIndex"],
    )


class WatchedReader:
    """Asks a chain and notes what. budget: of requests. too_long: hashes of transactions."""

    def __init__(
        self, chain: Chain, *, budget: int | None = None, too_long: Collection[bytes] = frozenset()
    ) -> None:
        self._chain = chain
        self._budget = budget
        self._too_long = {write_data(one) for one in too_long}
        self.methods: list[str] = []
        self.requests = 0

    def _note(self, questions: Sequence[Question[T]]) -> None:
        if self.requests == self._budget:
            raise BudgetSpent("enough")
        self.requests += 1
        self.methods += [question.request.method for question in questions]

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        self._note(questions)
        return await self._chain.request_many(questions, at)

    async def request_unless_long(self, questions: Sequence[Question[T]]) -> list[T | AnswerTooLong]:
        self._note(questions)
        if any(question.request.params[0] in self._too_long for question in questions):
            return [AnswerTooLong("a stranger made it so") for _ in questions]
        return await self._chain.request_unless_long(questions)
