"""When the time of requests is over, and the last look before they expire (spec 06 "Expiry")."""

import logging
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import islice
from typing import Final

from minirelay.chain.block import Block
from minirelay.chain.errors import BudgetSpent, NodeRefused
from minirelay.chain.findings import ChainReader, Findings, FoundBalance, PollReader
from minirelay.errors import ChainError
from minirelay.payments.last_look import (
    MOST_AT_ONCE,
    Look,
    find_events,
    look_at,
    look_at_newest,
    times_of,
)
from minirelay.payments.payment_events import MOST_EVENTS
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.settlement import UNPROVEN_DAYS_S
from minirelay.payments.states import OPEN
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.shop.issued_requests import DAY_S, IssuedRequest

log = logging.getLogger(__name__)

LATE_DAYS_S: Final = 30 * 86_400
"""How long money that is too late is watched for."""

UNREAD_S: Final = 3600
"""How long an address that can't be read, because of its token, delays its request's expiry."""


MOST_PASSED: Final = 1000
"""So many are gone through in one poll; after a downtime there may be very many."""

_LATER: Final = (DAY_S, UNPROVEN_DAYS_S, UNPROVEN_DAYS_S + DAY_S, LATE_DAYS_S)
"""When a request is looked at again, so long after its TTL: it may rest, or its order is to be canceled."""


class Expiry:
    """What is due, by the chain's final time."""

    def __init__(self) -> None:
        """Start with nothing that is due."""
        self._due: list[tuple[int, bytes]] = []
        self._over: dict[bytes, int] = {}
        self._touched: dict[bytes, None] = {}

    def put(self, request_id: bytes, ttl: int) -> None:
        """Enter a request. ttl: epoch seconds."""
        heappush(self._due, (ttl, request_id))

    def is_past(self, issued: IssuedRequest, final_time: int) -> bool:
        """Return whether money for a request is not watched for any more."""
        return final_time > issued.request.ttl + LATE_DAYS_S and issued.state not in OPEN

    def take_touched(self) -> Iterable[bytes]:
        """Return the requests about which something was found out since the last time."""
        touched, self._touched = self._touched, {}
        return touched

    async def look(
        self,
        find: Callable[[bytes], WatchedPayment | None],
        target: PaymentTarget,
        findings: Findings,
        final_time: int,
        now: int,
        reader: PollReader,
    ) -> None:
        """Take the last look at requests whose time is over; some at each poll. Raises ChainError.

        find: a watched request by its id. now: by the relay's clock, epoch seconds.
        """
        self._pass(find, final_time, now)
        chosen = self._choose(find, now)
        if not chosen:
            return
        await _look(chosen, target, findings, reader)
        for one in chosen:
            self._touched[one.id] = None
            if not one.events.unjudged:
                one.end_time()
                del self._over[one.id]

    def _pass(self, find: Callable[[bytes], WatchedPayment | None], final_time: int, now: int) -> None:
        """Go on to what is due by now, some of it at each poll."""
        for _ in range(MOST_PASSED):
            if not self._due or self._due[0][0] >= final_time:
                return
            moment, request_id = heappop(self._due)
            one = find(request_id)
            if one is None:
                self._over.pop(request_id, None)
                continue
            later = [one.issued.request.ttl + wait for wait in _LATER]
            if (then := next((at for at in later if at > moment), None)) is not None:
                heappush(self._due, (then, request_id))
            if one.issued.state in OPEN:
                self._over.setdefault(request_id, now)
            else:
                # Nothing is looked for; but its order may wait for it.
                one.end_time()
                if moment - one.issued.request.ttl in (0, UNPROVEN_DAYS_S):
                    one.submitted = None
                self._touched[request_id] = None

    def _choose(self, find: Callable[[bytes], WatchedPayment | None], now: int) -> list[WatchedPayment]:
        """Choose whose last look is to be taken now; those that are not ready come behind all others."""
        chosen: list[WatchedPayment] = []
        for request_id, since in list(islice(self._over.items(), MOST_PASSED)):
            one = find(request_id)
            if one is None:
                del self._over[request_id]
            elif one.address and self._was_looked_at(one, now):
                chosen.append(one)
                if len(chosen) == MOST_AT_ONCE:
                    break
            else:
                del self._over[request_id]
                self._over[request_id] = since
        return chosen

    def _was_looked_at(self, one: WatchedPayment, now: int) -> bool:
        """Return whether the balance after the TTL is known; a token that does not say is not waited for.

        It is asked since the relay knows that the time is over: that may be days later, after a downtime.
        """
        return (
            one.balance.looked_at > one.issued.request.ttl
            or not one.is_token
            or now > self._over[one.id] + UNREAD_S
        )


async def _look(
    chosen: list[WatchedPayment], target: PaymentTarget, findings: Findings, reader: PollReader
) -> None:
    """Look once more: through another endpoint than before, if there is one that is as far."""
    another = reader.of_another()
    if another is not None:
        try:
            if await _look_through(chosen, None, target, findings, another):
                return
        except BudgetSpent:
            raise
        except ChainError as error:
            log.info("the last look is taken by the endpoint of before", extra={"reason": str(error)})
    await _look_through(chosen, findings.marks.head, target, findings, reader)


async def _look_through(
    chosen: list[WatchedPayment],
    at: Block | None,
    target: PaymentTarget,
    findings: Findings,
    reader: ChainReader,
) -> bool:
    """Look at a block; None: at the newest that is there. Returns whether that is late enough."""
    addresses = [one.address for one in chosen]
    if at is None:
        at, looks = await look_at_newest(addresses, reader)
        if at.number < findings.marks.deep or at.timestamp <= max(one.issued.request.ttl for one in chosen):
            return False
    else:
        looks = await look_at(addresses, reader, at.id)
    for one, found in zip(chosen, looks, strict=True):
        _take(one, found, at)
    await _find_missed(chosen, target, findings, reader)
    return True


def _take(one: WatchedPayment, found: Look, at: Block) -> None:
    currency = one.issued.request.currency
    if one.is_token:
        if found.transactions:
            one.balance.look(FoundBalance(currency, one.address, one.balance.amount, found.transactions), at)
    elif found.coins != one.balance.amount or found.transactions:
        one.balance.look(FoundBalance(currency, one.address, found.coins, found.transactions), at)


async def _find_missed(
    chosen: list[WatchedPayment], target: PaymentTarget, findings: Findings, reader: ChainReader
) -> None:
    """Look for events that were not found; where the endpoint gives so many blocks at once."""
    first = min(one.issued.issued_at_block for one in chosen)
    wanted = target.log_filter
    try:
        logs = await find_events(
            wanted.address,
            wanted.events[0],
            [one.id for one in chosen],
            first,
            max(first, findings.marks.deep),
            reader,
        )
    except NodeRefused:
        return
    by_id = {one.id: one for one in chosen}
    wanted_logs = [log for log in logs if (target.request_id(log) or b"") in by_id][:MOST_EVENTS]
    # The contract does not see to it in all its functions.
    times = await times_of([log.block for log in wanted_logs], reader)
    for log in wanted_logs:
        one = by_id[target.request_id(log) or b""]
        if log.block.number >= one.issued.issued_at_block:
            ttl = one.issued.request.ttl
            is_in_time = times.get(log.block, ttl + 1) <= ttl
            one.events.settle(log, is_in_time=is_in_time, is_proof=one.is_token)
