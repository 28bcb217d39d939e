"""Sweeping by itself, once a payment is paid (spec 06 "What the operator can do", `auto_sweep`).

A token that is paid over has to be swept before its time is over, or the contract keeps it for ever; so that
is on unless it is switched off.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from minirelay.errors import ChainError, Refusal, StoreError
from minirelay.payments.sweep_rules import Verdict
from minirelay.payments.sweeping import Sweeper, SweepRefused
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import NATIVE_DECIMALS, Rate, convert
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
_MOST_FEE: Final = 50
"""A fee is at most one part in so many: 2 %."""


class AutoSweep:
    """Sweeps what is paid, on all chains."""

    def __init__(
        self,
        reader: Reader,
        sweepers: Iterable[tuple[Sweeper, AutoSweepPolicy]],
        facts: Callable[[], Facts],
        now: Callable[[], int],
    ) -> None:
        """facts: what is known of tokens and rates. now: the relay's clock, epoch seconds."""
        self._reader = reader
        self._sweepers = [(one, policy) for one, policy in sweepers if policy != "off"]
        self._facts = facts
        self._now = now
        self._rests: dict[bytes, int] = {}

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
        found = await self._reader.sweep_candidates(
            sweeper.chain_id, states=STATES[policy], since=now - AGE_S
        )
        wanted = [
            one
            for one in found
            if one.id not in self._rests and (policy == "paid" or one.request.currency != NATIVE_COIN)
        ]
        if not wanted:
            return
        lying = {one.candidate.id: one for one in await sweeper.look(wanted)}
        for one in wanted:
            there = lying.get(one.id)
            if there is None or there.verdict is not Verdict.SWEEP:
                # Swept, or not to be: a sweep by the operator needs no look by us.
                self._rests[one.id] = now + REST_S
        may = [one for one in wanted if one.id in lying and lying[one.id].verdict is Verdict.SWEEP]
        for one in may[:MOST_AT_ONCE]:
            await self._sweep(sweeper, one, now)

    async def _sweep(self, sweeper: Sweeper, one: SweepCandidate, now: int) -> None:
        try:
            await sweeper.sweep(one, lambda amount, fee: self._is_worth_it(one, amount, fee))
        except ChainError as error:
            self._rests[one.id] = now + REST_S
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


STATES: Final[Mapping[AutoSweepPolicy, tuple[RequestState, ...]]] = {
    "off": (),
    "over": (RequestState.OVER,),
    "paid": (RequestState.PAID, RequestState.OVER),
}
"""Which requests each policy is about."""
