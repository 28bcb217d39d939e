"""Money at real payment addresses, and a wallet that sweeps it, for the tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from web3 import Web3
from web3.types import TxReceipt

from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.sending import Sender
from minirelay.chain.transport import Transport
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import WalletLock
from minirelay.dev.accounts import ACCOUNTS
from minirelay.payments.payment_target import PayByAddress
from minirelay.payments.sweeping import Sweeper, SweepTerms
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.json_rpc import Answer, Request
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.store.unswept import SweepCandidate
from tests.chain.nodes import CHAIN_ID
from tests.chain_fixtures import rpc
from tests.dev.contracts.contract_calls import PAYEE, PAYER, call, send
from tests.payments.proving import address
from tests.system.payers import Payer

WALLET = Wallet(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
MULTICALL = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
AMOUNT = 10**15
NOWHERE = b"\x09" * 20
LIFE_S = 86_400
TERMS = SweepTerms(coin_gas=300_000, token_gas=500_000, fee=10**17, fees_per_day=10**18)


class Remembered:
    """What is remembered, by key."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get_meta(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def put_meta(self, key: str, value: bytes) -> None:
        self.values[key] = value


@dataclass
class Sweeping:
    """A chain with Payments in a variant, a customer, and the sweeper of a relay."""

    w3: Web3
    payer: Payer
    chain: Chain
    terms: SweepTerms = TERMS
    multicall: bytes = MULTICALL
    meta: Remembered = field(default_factory=Remembered)
    time: int = 1_800_000_000
    timeout_s: float = 60.0
    payments: bytes | None = None

    @property
    def sweeper(self) -> Sweeper:
        payments = self.payments or address(self.payer.contracts.payments.address)
        return Sweeper(
            chain=self.chain,
            payments=payments,
            target=PayByAddress(CHAIN_ID, payments, _no_prover),
            balances=BalanceReader(self.chain, None),
            multicall=self.multicall,
            sender=Sender(self.chain, WALLET, poll_s=0.01, timeout_s=self.timeout_s),
            meta=self.meta,
            wallet_lock=WalletLock(self.meta, WALLET, CHAIN_ID),
            terms=self.terms,
            now=lambda: self.time,
        )

    def candidate(
        self,
        *,
        currency: str | None = None,
        payee: str = PAYEE,
        number: int = 1,
        is_paid: bool = False,
        chain_id: int = CHAIN_ID,
    ) -> SweepCandidate:
        request = PaymentRequest(
            chain_id=chain_id,
            ttl=self.w3.eth.get_block("latest")["timestamp"] + LIFE_S,
            currency=NATIVE_COIN if currency is None else address(currency),
            amount=AMOUNT,
            payee=address(payee),
            shop_id=number,
        )
        return SweepCandidate(
            id=payment_id(request),
            shop=1,
            order_id=bytes(8),
            request=request,
            state=RequestState.PAID if is_paid else RequestState.WAITING,
            issued_at=0,
            is_order_paid=is_paid,
        )

    def pay(self, one: SweepCandidate, amount: int = AMOUNT, token: Any = None) -> None:
        """Put money at an address: coins, or a token that everybody can mint."""
        to = self.payer.address_of(one.request)
        if token is not None:
            send(token.functions.mint(to, amount), PAYER)
        else:
            self.payer.transfer(to, amount)

    def balance(self, holder: str, token: Any = None) -> int:
        checksummed = self.w3.to_checksum_address(holder)
        if token is None:
            return self.w3.eth.get_balance(checksummed)
        held: int = call(token.functions.balanceOf(checksummed))
        return held

    def sent_count(self) -> int:
        """How many transactions the wallet has sent."""
        return self.w3.eth.get_transaction_count(self.w3.to_checksum_address(WALLET.address))

    def sweep_as_stranger(self, one: SweepCandidate) -> TxReceipt:
        return self.payer.sweep(one.request)

    def let_time_end(self) -> None:
        # Blocks of the same second have rising times, which run ahead of the chain's clock.
        rpc(self.w3, "evm_increaseTime", LIFE_S + 1000)
        rpc(self.w3, "evm_mine")


class Watched:
    """The real endpoint, its requests counted. no_code: what it says to code without a contract."""

    name = "watched"

    def __init__(self, inner: Transport, no_code: Answer | None = None) -> None:
        self.requests: list[int] = []
        self._inner = inner
        self._no_code = no_code

    async def ask(self, request: Request) -> Answer:
        (answer,) = await self.ask_many([request])
        assert answer is not None
        return answer

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        self.requests.append(len(requests))
        answers = await self._inner.ask_many(requests)
        return [
            self._no_code if self._no_code is not None and _is_code(one) else answer
            for one, answer in zip(requests, answers, strict=True)
        ]


def _is_code(request: Request) -> bool:
    call = request.params[0] if request.params else None
    return request.method == "eth_call" and isinstance(call, dict) and "to" not in call


def _no_prover(_code: bytes) -> Any:
    """Make no prover: sweeping proves nothing."""
    return object()
