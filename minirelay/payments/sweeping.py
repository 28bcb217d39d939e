"""Sweeping: money at payment addresses goes to the merchant by `processPayment` alone (spec 06).

One sweeper for each chain. It finds what lies unswept, says what can be done about it, and sends one
transaction at a time, each tried right before. Never `batch`: a stranger who sweeps one of them first makes
all of them fail.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from minirelay.chain.amounts import show_cost
from minirelay.chain.balances import BalanceReader
from minirelay.chain.block import Block, read_block
from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable, TransactionFailed, TransactionPending
from minirelay.chain.findings import FoundBalance
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.sending import ContractCall, PlannedTransaction, Sender, Sent
from minirelay.chain.transaction_counts import with_counts
from minirelay.chain.wallet_lock import WalletLock
from minirelay.errors import ChainError
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.sweep_rules import Lying, Verdict, judge_lying
from minirelay.payments.sweep_trial import has_code, reach_payees
from minirelay.payments.unswept import Unswept
from minirelay.payments.watched_requests import ADDRESSES_AT_ONCE
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.payments_contract import PAYMENTS
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.payment_request import PaymentRequest, abi_values
from minirelay.store.unswept import SweepCandidate

log = logging.getLogger(__name__)

_HTTP_REQUESTS: Final = 1000
_OFTEN_EMPTY: Final = frozenset({RequestState.WAITING, RequestState.EXPIRED, RequestState.DISMISSED})
_OUTCOMES: Final = {True: Verdict.SWEEP, False: Verdict.REFUSED, None: Verdict.UNTRIED}
_DAY_S: Final = 86_400
_DAY_BYTES: Final = 8
_WEI_BYTES: Final = 32


class SweepRefused(ChainError):
    """A sweep was not sent; the message says why, in words."""


class SweepTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep may take: gas of a transaction, and fees in wei, of one and of all of a day (UTC)."""

    coin_gas: int
    token_gas: int
    fee: int
    fees_per_day: int

    def gas(self, request: PaymentRequest) -> int:
        """Return the gas limit: fixed, since estimates say nothing where nothing reverts."""
        return self.coin_gas if request.currency == NATIVE_COIN else self.token_gas


class Swept(msgspec.Struct, frozen=True):
    """A sweep that was mined. transaction: its hash. left: what lies at the address behind it.

    is_overtaken: it failed, since somebody else swept the address right before. The money has arrived all
    the same; the fee is lost.
    """

    transaction: bytes
    left: int
    is_overtaken: bool = False


class Meta(Protocol):
    """What the database remembers, by key: `store.meta_table.MetaTable`."""

    async def get_meta(self, key: str) -> bytes | None:
        """Return a value, None if there is none. Raises StoreError."""

    async def put_meta(self, key: str, value: bytes) -> None:
        """Set a value, durably. Raises StoreError."""


class Sweeper:
    """Sweeps payment addresses of one chain."""

    def __init__(
        self,
        chain: Chain,
        payments: bytes,
        target: PaymentTarget,
        balances: BalanceReader,
        multicall: bytes,
        sender: Sender,
        meta: Meta,
        wallet_lock: WalletLock,
        terms: SweepTerms,
        now: Callable[[], int],
    ) -> None:
        """payments, multicall: addresses of contracts. now: the relay's clock, epoch seconds."""
        self.chain_id = chain.chain_id
        self._chain = chain
        self._payments = payments
        self._target = target
        self._balances = balances
        self._multicall = multicall
        self._sender = sender
        self._meta = meta
        self._wallet_lock = wallet_lock
        self._terms = terms
        self._now = now
        self._one_at_a_time = asyncio.Lock()

    @property
    def most_fee(self) -> int:
        """Return what one transaction may cost at most, in wei: what would cost more is not sent."""
        return self._terms.fee

    async def look(self, candidates: Sequence[SweepCandidate]) -> list[Unswept]:
        """Find what lies on this chain at the addresses of requests, in their order. Raises ChainError.

        Of requests of other chains only what this chain's Payments contract can move: an address is made of
        the contract's, and of the code that it deploys there.
        """
        candidates = await self._movable(candidates)
        if not candidates:
            return []
        addresses = await self._addresses(candidates)
        head = await self._head()
        pairs = [(one.request.currency, address) for one, address in zip(candidates, addresses, strict=True)]
        budget = RequestBudget(_HTTP_REQUESTS)
        read = await self._balances.read(pairs, head.id, budget)
        lying = [
            (one, address, read.amounts[one.request.currency, address])
            for one, address in zip(candidates, addresses, strict=True)
            if read.amounts.get((one.request.currency, address))
        ]
        counts = await self._counts([address for _, address, _ in lying], head, budget)
        found = [
            Unswept(
                candidate=one,
                chain_id=self.chain_id,
                address=address,
                amount=amount,
                verdict=judge_lying(
                    Lying(
                        request=one.request,
                        amount=amount,
                        transactions=counts[address],
                        time=head.timestamp,
                        is_order_paid=one.is_order_paid,
                        is_elsewhere=one.request.chain_id != self.chain_id,
                    )
                ),
            )
            for one, address, amount in lying
        ]
        unread = [
            Unswept(
                candidate=one,
                chain_id=self.chain_id,
                address=address,
                amount=0,
                verdict=Verdict.UNREAD,
            )
            for one, address in zip(candidates, addresses, strict=True)
            if (one.request.currency, address) not in read.amounts and one.state not in _OFTEN_EMPTY
        ]
        return [*await self._tried(found), *unread]

    async def sweep(
        self, candidate: SweepCandidate, may_cost: Callable[[int, int], bool] = lambda _amount, _fee: True
    ) -> Swept:
        """Send what lies at the address of a request to its payee; return when that is mined.

        may_cost: is asked with the amount and the highest fee. Raises SweepRefused if it may not be, or is
        not worth it; ChainError.
        """
        async with self._one_at_a_time:
            found = await self.look([candidate])
            if not found:
                raise SweepRefused("nothing lies there: perhaps somebody swept it")
            (one,) = found
            if one.verdict is not Verdict.SWEEP:
                raise SweepRefused(one.why)
            planned = await self._plan(one)
            is_dust = one.is_elsewhere and _costs_more(one, planned.highest_cost)
            if is_dust or not may_cost(one.amount, planned.highest_cost):
                raise SweepRefused("the fee is too much for what lies there")
            await self._count_fee(planned.highest_cost)
            mined, failure = await self._send(planned)
            again = await self.look([candidate])
            left = again[0].amount if again else 0
            if failure is not None and again:
                raise failure
            extra = {
                "chain": self.chain_id,
                "payment": candidate.id.hex(),
                "amount": one.amount,
                "left": left,
            }
            log.info("a payment was swept", extra=extra)
            return Swept(mined, left, is_overtaken=failure is not None)

    async def _movable(self, candidates: Sequence[SweepCandidate]) -> Sequence[SweepCandidate]:
        """Leave requests of other chains out where there is no contract, which has to be the same one."""
        own = [one for one in candidates if one.request.chain_id == self.chain_id]
        is_own = len(own) == len(candidates)
        return candidates if is_own or await has_code(self._chain, self._payments) else own

    async def _addresses(self, candidates: Sequence[SweepCandidate]) -> list[bytes]:
        if not self._target.is_open:
            await self._target.open(self._chain)
        addresses = []
        for number, one in enumerate(candidates):
            addresses.append(self._target.address_of(one.request))
            if number % ADDRESSES_AT_ONCE == ADDRESSES_AT_ONCE - 1:
                await asyncio.sleep(0)
        return addresses

    async def _head(self) -> Block:
        return await self._chain.request("eth_getBlockByNumber", ["latest", False], read_block)

    async def _counts(
        self, addresses: Sequence[bytes], head: Block, budget: RequestBudget
    ) -> dict[bytes, int]:
        holders = [FoundBalance(NATIVE_COIN, one, 0) for one in addresses]
        found = await with_counts(self._chain, holders, lambda _: True, head.id, budget)
        counts = {one.holder: one.transaction_count for one in found}
        known = {holder: count for holder, count in counts.items() if count is not None}
        if len(known) < len(counts):
            raise ChainUnreachable(f"chain {self.chain_id} does not give all transaction counts")
        return known

    async def _tried(self, found: Sequence[Unswept]) -> list[Unswept]:
        """Try those that may be swept, and say which would not reach the payee."""
        may = [one for one in found if one.verdict is Verdict.SWEEP]
        if not may:
            return list(found)
        trials = [(one.candidate.request, one.address, self._terms.gas(one.candidate.request)) for one in may]
        reached = await reach_payees(self._chain, self._payments, self._multicall, trials)
        verdicts = {one.candidate.id: _OUTCOMES[found] for one, found in zip(may, reached, strict=True)}
        return [
            msgspec.structs.replace(one, verdict=verdicts.get(one.candidate.id, one.verdict)) for one in found
        ]

    async def _send(self, planned: PlannedTransaction) -> tuple[bytes, TransactionFailed | None]:
        """Send a transaction; return its hash, and whether it failed: a collision burns its gas."""
        sent: list[Sent] = []

        async def note(one: Sent) -> None:
            sent.append(one)
            await self._wallet_lock.note("sweep", one)

        try:
            mined = await self._sender.send(planned, note)
        except TransactionFailed as failure:
            if not sent or isinstance(failure, TransactionPending):
                raise
            return sent[-1].hash, failure
        return mined.hash, None

    async def _plan(self, one: Unswept) -> PlannedTransaction:
        request = one.candidate.request
        last = await self._wallet_lock.waiting(self._sender)
        planned = await self._sender.plan(
            ContractCall(
                PAYMENTS,
                self._payments,
                "processPayment",
                (abi_values(request), request.payee),
                gas=self._terms.gas(request),
            ),
            # An earlier sweep, a root hash or a registration, which come again: money does not wait for them.
            instead_of=None if last is None else last.sent,
        )
        if planned.highest_cost > self._terms.fee:
            raise SweepRefused(
                f"the fee may be {show_cost(planned.highest_cost, self.chain_id)}, "
                f"more than chains.{self.chain_id}.sweep_fee allows"
            )
        return planned

    async def _count_fee(self, fee: int) -> None:
        """Count what a transaction costs at most among the fees of today, before it is sent."""
        key, day = f"sweep_fees_{self.chain_id}", self._now() // _DAY_S
        stored = await self._meta.get_meta(key)
        is_today = stored is not None and int.from_bytes(stored[:_DAY_BYTES]) == day
        spent = int.from_bytes(stored[_DAY_BYTES:]) if stored is not None and is_today else 0
        if spent + fee > self._terms.fees_per_day:
            raise SweepRefused(
                f"the fees of today have reached chains.{self.chain_id}.sweep_fees_per_day; go on tomorrow"
            )
        await self._meta.put_meta(key, day.to_bytes(_DAY_BYTES) + (spent + fee).to_bytes(_WEI_BYTES))


def _costs_more(one: Unswept, cost: int) -> bool:
    """Return whether coins are worth less than it costs to sweep them: strangers can put dust anywhere."""
    return one.candidate.request.currency == NATIVE_COIN and one.amount <= cost
