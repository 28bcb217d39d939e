"""Looking after what is paid: it is swept by itself, or somebody is told that it stays where it is (spec 06).

A token that is paid over has to be swept before its time is over, or the contract keeps it for ever; so that
is on unless it is switched off (`auto_sweep`). What a stranger's sweep has left at an address, nobody can
move: once a payment is final nothing else looks at that.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Literal

from minirelay.errors import ChainError, Refusal, StoreError
from minirelay.payments.bounded_memory import BoundedMemory
from minirelay.payments.states import DONE
from minirelay.payments.sweep_rules import Verdict
from minirelay.payments.sweeping import Sweeper, SweepRefused
from minirelay.payments.unswept import Unswept
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.objects import ChainAddress
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_request
from minirelay.shop.quote import NATIVE_DECIMALS, Rate, convert
from minirelay.store.payment_rows import PaymentRows
from minirelay.store.reader import Reader
from minirelay.store.unswept import SweepCandidate

log = logging.getLogger(__name__)

AutoSweepPolicy = Literal["off", "over", "paid"]

INTERVAL_S: Final = 30.0
REST_S: Final = 3600
"""How long one that could not be swept is left alone."""

AGE_S: Final = 7 * 86_400
"""What was issued longer ago is for the operator."""

MOST_AT_ONCE: Final = 20
MOST_LOOKED_AT: Final = 2000
"""At once, of those of one chain; the newest first."""

MOST_REMEMBERED: Final = 1000
"""Of what was left and told of; what is forgotten is stored once more, which changes nothing."""

TOLD_PART: Final = 10
"""What is left is told of from one part in so many of what was asked for: strangers can put dust there."""

_MOST_FEE: Final = 50
"""A fee is at most one part in so many: 2 %."""


class AutoSweep:
    """Looks at what is paid, on all chains, and sweeps what its policy says."""

    def __init__(
        self,
        reader: Reader,
        sweepers: Iterable[tuple[Sweeper, AutoSweepPolicy]],
        facts: Callable[[], Facts],
        now: Callable[[], int],
        tell: Callable[[PaymentRows], Awaitable[None]],
    ) -> None:
        """facts: what is known of tokens and rates. now: the relay's clock, epoch seconds.

        tell: stores alerts; raises StoreError.
        """
        self._reader = reader
        self._sweepers = list(sweepers)
        self._facts = facts
        self._now = now
        self._tell = tell
        self._rests: dict[tuple[bytes, RequestState], int] = {}
        self._told = BoundedMemory[bytes, int](MOST_REMEMBERED)

    async def run(self) -> None:
        """Look now and then, until it is cancelled."""
        while self._sweepers:
            await asyncio.sleep(INTERVAL_S)
            await self.look()

    async def look(self) -> None:
        """Sweep what there is, one after the other."""
        now = self._now()
        self._rests = {one: until for one, until in self._rests.items() if until > now}
        for sweeper, policy in self._sweepers:
            try:
                await self._look_at(sweeper, policy, now)
            except (ChainError, StoreError) as error:
                log.warning(
                    "what is paid could not be looked at to be swept",
                    extra={"chain": sweeper.chain_id, "reason": str(error)},
                )

    async def _look_at(self, sweeper: Sweeper, policy: AutoSweepPolicy, now: int) -> None:
        found = await self._reader.sweep_candidates(sweeper.chain_id, states=_PAID, since=now - AGE_S)
        wanted = [one for one in found if (one.id, one.state) not in self._rests][:MOST_LOOKED_AT]
        if not wanted:
            return
        lying = {one.candidate.id: one for one in await sweeper.look(wanted)}
        left = [one for one in lying.values() if one.verdict is Verdict.LEFT]
        may = [one for one in wanted if _is_wanted(one, policy) and _may_be_swept(lying.get(one.id))]
        # Swept, or not to be: a sweep by the operator needs no look by us.
        waiting = {one.id for one in may}
        resting = [one for one in wanted if one.id not in waiting]
        # As what it is: one that is paid over later has to be swept soon.
        self._rests.update({(one.id, one.state): now + REST_S for one in resting})
        await self._tell_of(left, now)
        for one in may[:MOST_AT_ONCE]:
            await self._sweep(sweeper, one, now)

    async def _tell_of(self, left: Iterable[Unswept], now: int) -> None:
        """Tell of what lies at addresses that were swept, once for each amount. Raises StoreError."""
        for one in left:
            candidate, total = one.candidate, one.candidate.request.amount
            is_dust = one.amount * TOLD_PART < total
            if is_dust or self._told.get(candidate.id) == one.amount:
                continue
            alert = PaymentAlert(
                kind=PaymentAlertKind.LEFT,
                place=(candidate.request.chain_id, candidate.request.currency),
                request_id=candidate.id,
                amount=one.amount,
                told_of=about_request(PaymentAlertKind.LEFT, candidate.id),
                is_urgent=True,
            )
            await self._tell(PaymentRows(shop=candidate.shop, alerts=(alert,), raised_at=now))
            self._told.put(candidate.id, one.amount)

    async def _sweep(self, sweeper: Sweeper, one: SweepCandidate, now: int) -> None:
        try:
            await sweeper.sweep(one, lambda amount, fee: self._is_worth_it(one, amount, fee))
        except ChainError as error:
            self._rests[one.id, one.state] = now + REST_S
            fields = {"chain": sweeper.chain_id, "payment": f"0x{one.id.hex()}", "reason": str(error)}
            level = logging.INFO if isinstance(error, SweepRefused) else logging.WARNING
            log.log(level, "a payment could not be swept; it is tried again", extra=fields)

    def _is_worth_it(self, one: SweepCandidate, amount: int, fee: int) -> bool:
        """Return whether the fee is under 2 % of the sum, or the sum can't be priced."""
        worth = self._worth(one, amount)
        return worth is None or fee * _MOST_FEE < worth

    def _worth(self, one: SweepCandidate, amount: int) -> int | None:
        """Return what a sum is worth in the chain's coin, in wei; None if that is not known."""
        request = one.request
        if request.currency == NATIVE_COIN:
            return amount
        facts = self._facts()
        rate = facts.rate(
            ChainAddress(chain_id=request.chain_id, address=request.currency),
            ChainAddress(chain_id=request.chain_id, address=NATIVE_COIN),
        )
        if not isinstance(rate, Rate) or one.decimals is None:
            return None
        try:
            return convert(amount, one.decimals, NATIVE_DECIMALS, rate)
        except Refusal:
            return None


_PAID: Final = tuple(one for one in RequestState if one in DONE)
_SWEPT: Final[Mapping[AutoSweepPolicy, frozenset[RequestState]]] = {
    "off": frozenset(),
    "over": frozenset({RequestState.OVER}),
    "paid": frozenset({RequestState.PAID, RequestState.OVER}),
}
"""Which requests each policy sweeps."""


def _is_wanted(one: SweepCandidate, policy: AutoSweepPolicy) -> bool:
    """Return whether a policy has a request swept."""
    is_token = one.request.currency != NATIVE_COIN
    return one.state in _SWEPT[policy] and (policy == "paid" or is_token)


def _may_be_swept(lying: Unswept | None) -> bool:
    return lying is not None and lying.verdict is Verdict.SWEEP
