"""Payments for orders that are gone: made in the time that a restore or an import lacks (spec 09, the end).

The contract is everybody's, so most requests that nobody knows here are other relays'. What the call of a
payment names tells; each costs a question, so they are few at a time, and bounded in all.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from minirelay.chain.errors import AnswerTooLong
from minirelay.chain.findings import ChainReader, Findings, FoundBalance, FoundLog, LogFilter
from minirelay.chain.question import Question
from minirelay.errors import ChainError
from minirelay.payments.last_look import times_of
from minirelay.payments.payment_calls import read_payment_call
from minirelay.payments.payment_target import PAYMENT_MADE
from minirelay.payments.transaction_records import Transaction, read_transaction
from minirelay.protocol.ids import show_shop
from minirelay.protocol.json_rpc import Request, write_data
from minirelay.protocol.signing import checksum_address
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.store.batch import Writable
from minirelay.store.missing_time import UnknownPayment, UnknownPaymentRows
from minirelay.store.operator_alerts import STRAY_PAYMENT, OperatorAlert
from minirelay.store.reader import Reader

MOST_ASKED: Final = 2000
"""So many unknown payments of a chain are asked about; strangers make more, at a price."""

SLACK_S: Final = 900
"""The time of a chain's blocks may be ahead of the relay's clock."""

AT_ONCE: Final = 8
"""In one poll: two questions each."""

MOST_ALERTS: Final = 50
"""Of a chain, each about one payment; one more says that there are others."""

log = logging.getLogger(__name__)

_Key = tuple[bytes, int]


class StrayPayments:
    """Looks for them on one chain: a `Watch` of its poller, until all blocks of that time are deep."""

    def __init__(
        self,
        chain_id: int,
        contract: bytes,
        store: Reader,
        clock: Callable[[], int],
        until: int,
        hosted: frozenset[int],
        pending: Sequence[UnknownPayment] = (),
    ) -> None:
        """contract: Payments, 20 bytes. until: when data may be missing, epoch seconds; 0: nothing is.

        hosted: ids of the shops of here. pending: those that are to be asked about since before a restart.
        """
        self._chain_id = chain_id
        self._filter = LogFilter(contract, (PAYMENT_MADE,))
        self._store = store
        self._clock = clock
        self._until = until + SLACK_S
        self._hosted = hosted
        self._pending = {_key(one): one for one in pending}
        self._wanted: set[_Key] = set(self._pending)
        self._alerts = 0
        self._is_over = until == 0

    @classmethod
    async def open(
        cls, chain_id: int, contract: bytes, store: Reader, clock: Callable[[], int]
    ) -> "StrayPayments":
        """Read of which time data may be missing. Raises StoreError."""
        hosted = frozenset([row.shop_id for row in await store.shops()])
        until, pending = await store.missing_until(), await store.unknown_payments(chain_id)
        return cls(chain_id, contract, store, clock, until, hosted, pending)

    def filters(self) -> Sequence[LogFilter]:
        """Return which logs tell of payments; none when that time is over."""
        return () if self._is_over else (self._filter,)

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:  # noqa: ARG002
        """Return nothing: it is not known what is looked for."""
        return ()

    def wants(self, log: FoundLog, /) -> bool:
        """Return whether a log may be one; whether its request is known, the store says later."""
        key = (log.transaction_hash, log.index)
        if self._is_over or log.address != self._filter.address or len(log.topics) != 2:
            return False
        if key not in self._wanted and len(self._wanted) >= MOST_ASKED:
            return False
        self._wanted.add(key)
        return True

    def balances(self, now: int, /) -> Sequence[tuple[bytes, bytes]]:  # noqa: ARG002
        """Return nothing to look at."""
        return ()

    def wants_balance(self, balance: FoundBalance, /) -> bool:  # noqa: ARG002
        """Return False: none matters."""
        return False

    def is_needed(self) -> bool:
        """Return False: it can wait."""
        return False

    async def take(self, findings: Findings, reader: ChainReader, /) -> Sequence[Writable]:
        """Take what was found, ask about some, and return what is to be stored of it."""
        if self._is_over:
            return ()
        found = [one for log in findings.deep if (one := await self._unknown(log)) is not None]
        self._pending.update({_key(one): one for one in found})
        done: dict[_Key, UnknownPayment] = {}
        alerts: list[OperatorAlert] = []
        try:
            done, alerts = await self._ask(list(self._pending.values())[:AT_ONCE], reader)
        except ChainError as error:
            log.debug("stray payments have to wait", extra={"chain": self._chain_id, "reason": str(error)})
        for key in done:
            del self._pending[key]
        deep = findings.marks.deep_block
        self._is_over = not self._pending and deep is not None and deep.timestamp > self._until
        rows = UnknownPaymentRows(
            self._chain_id, tuple(one for one in found if _key(one) not in done), tuple(done.values())
        )
        return (*alerts, *((rows,) if rows.weight else ()))

    async def _unknown(self, found: FoundLog) -> UnknownPayment | None:
        request_id = found.topics[1]
        if await self._store.find_payment_requests(request_id, request_id):
            return None
        return UnknownPayment(request_id, found.block, found.transaction_hash, found.index)

    async def _ask(
        self, payments: Sequence[UnknownPayment], reader: ChainReader
    ) -> tuple[dict[_Key, UnknownPayment], list[OperatorAlert]]:
        """Ask about some; return those of which all is known then, and what is to be told.

        Raises ChainError; then they come behind all others.
        """
        for one in payments:
            self._pending[_key(one)] = self._pending.pop(_key(one))
        times = await times_of([one.block for one in payments], reader)
        done: dict[_Key, UnknownPayment] = {}
        alerts: list[OperatorAlert] = []
        for one in payments:
            # In a block that is gone, or from after that time, it is none.
            if times.get(one.block, self._until + 1) <= self._until:
                request = self._named(one, await self._transaction(one, reader))
                if request is not None:
                    alerts.extend(self._tell(one, request))
            done[_key(one)] = one
        return done, alerts

    async def _transaction(self, one: UnknownPayment, reader: ChainReader) -> Transaction | None:
        question = Question(
            Request("eth_getTransactionByHash", [write_data(one.transaction_hash)]),
            lambda result: read_transaction(result, one.block),
        )
        (answer,) = await reader.request_unless_long([question])
        return None if isinstance(answer, AnswerTooLong) else answer

    def _named(self, one: UnknownPayment, transaction: Transaction | None) -> PaymentRequest | None:
        """Return the request that a call names, if it is of a shop of here."""
        if transaction is None or transaction.to != self._filter.address:
            return None
        call = read_payment_call(transaction.calldata)
        requests = [*[paid.request for paid in call.paid], *[sweep.request for sweep in call.sweeps]]
        ours = [request for request in requests if request.shop_id in self._hosted]
        return next((request for request in ours if payment_id(request) == one.request_id), None)

    def _tell(self, one: UnknownPayment, request: PaymentRequest) -> Sequence[OperatorAlert]:
        self._alerts += 1
        if self._alerts > MOST_ALERTS + 1:
            return ()
        if self._alerts > MOST_ALERTS:
            detail = f"more payments on chain {self._chain_id} for orders that are gone than are told of"
        else:
            detail = (
                f"{request.amount} units of {checksum_address(request.currency)} were paid on chain "
                f"{self._chain_id} to {checksum_address(request.payee)} for an order of shop "
                f"{show_shop(request.shop_id)} that is gone: payment 0x{one.request_id.hex()}, "
                f"transaction 0x{one.transaction_hash.hex()}"
            )
        log.warning("a payment for an order that is gone", extra={"chain": self._chain_id})
        return (OperatorAlert(STRAY_PAYMENT, detail, self._clock()),)


def _key(one: UnknownPayment) -> _Key:
    return one.transaction_hash, one.index
