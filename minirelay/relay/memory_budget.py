"""What all clients together may make the relay hold (spec 01, "Limits on the outside").

Every session has an account of what it holds: frames that wait to leave, requests that wait for their
answers, what has come of messages that are not whole, subscriptions and their filters. Every connection that
is no session yet has one of its requests. Beyond the budget, those that hold most are closed. A guest's
counts as half of what it holds, a clerk's as a quarter; the sum is of what is really held.
"""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Final

from minirelay.shop.access import Role

log = logging.getLogger(__name__)

TIGHT_SHARE: Final = 0.5
"""From this part of the budget on, pushes wait in the log sooner."""

LINGERING_SHARE: Final = 0.25
"""When those being closed still hold this part of the budget, the next ones are torn down at once."""


DIVISORS: Final[Mapping[Role, int]] = {Role.VISITOR: 1, Role.GUEST: 2, Role.CLERK: 4}
"""When it is to be said who holds most, what a session holds counts divided by this."""

LOG_INTERVAL_S: Final = 10.0
"""How often closings are logged, counted: attackers decide how many there are."""


def _ignore(_is_lingering: bool) -> None:
    """End nothing: it has ended."""


class Account:
    """What one session holds."""

    __slots__ = ("_budget", "_close", "is_closing", "role", "size_bytes")

    def __init__(self, budget: "MemoryBudget", close: Callable[[bool], None]) -> None:
        """Use `MemoryBudget.open`."""
        self.size_bytes = 0
        self.role = Role.VISITOR
        self.is_closing = False
        self._budget = budget
        self._close = close

    @property
    def rank(self) -> float:
        """Return what it holds, as it counts when the largest is looked for, in bytes."""
        return self.size_bytes / DIVISORS[self.role]

    @property
    def is_tight(self) -> bool:
        """Return whether all sessions together hold so much that this one should not add to it."""
        return self._budget.is_tight

    def hold(self, size_bytes: int) -> None:
        """Note that the session holds this much more, or less if it is negative."""
        self.size_bytes += size_bytes
        # One step: a write notes seven changes.
        budget = self._budget
        if self.is_closing:
            budget.closing_bytes += size_bytes
            return
        budget.size_bytes += size_bytes
        if budget.size_bytes > budget.limit_bytes:
            budget.relieve_soon()

    def end(self) -> None:
        """Take note that the session is over: what it still holds is on its way out."""
        self._budget.retire(self)

    def close(self) -> None:
        """End the session; torn down at once if those being closed hold too much already."""
        is_lingering, close = self._budget.may_linger, self._close
        self._budget.retire(self)
        close(is_lingering)

    def let_go(self) -> None:
        """Forget how the session is ended: it knows this account, and would wait for the collector."""
        self._close = _ignore


class MemoryBudget:
    """The sum of all accounts, and its limit."""

    def __init__(self, limit_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: monotonic, in seconds."""
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        """What all open sessions hold."""
        self.closing_bytes = 0
        """What those hold that are being closed."""
        # In the order in which they came: of two that hold as much, the older one is closed.
        self._accounts: dict[Account, None] = {}
        self._is_relief_due = False
        self._clock = clock
        self._next_log = -LOG_INTERVAL_S
        self._closed = self._closed_bytes = 0

    @property
    def is_tight(self) -> bool:
        """Return whether so much is held that what can wait elsewhere should."""
        return self.size_bytes > self.limit_bytes * TIGHT_SHARE

    @property
    def may_linger(self) -> bool:
        """Return whether a session that is closed now may take the time to hear of it."""
        return self.closing_bytes <= self.limit_bytes * LINGERING_SHARE

    def open(self, close: Callable[[bool], None]) -> Account:
        """Open the account of a session. close: ends the session; it may linger to hear of it if True."""
        account = Account(self, close)
        self._accounts[account] = None
        return account

    def relieve_soon(self) -> None:
        """Close those that hold most, in a moment: what grows now may be in the middle of something."""
        if not self._is_relief_due:
            self._is_relief_due = True
            # The log names no session.
            asyncio.get_running_loop().call_soon(self._relieve, context=Context())

    def retire(self, account: Account) -> None:
        """Count what an account holds as on its way out."""
        if not account.is_closing:
            account.is_closing = True
            account.let_go()
            self._accounts.pop(account, None)
            self.size_bytes -= account.size_bytes
            self.closing_bytes += account.size_bytes

    def _relieve(self) -> None:
        self._is_relief_due = False
        if self.size_bytes <= self.limit_bytes:
            return
        # One pass however many are closed; the number keeps accounts from being compared.
        holding = (account for account in self._accounts if account.size_bytes)
        largest = [(-account.rank, number, account) for number, account in enumerate(holding)]
        heapq.heapify(largest)
        while self.size_bytes > self.limit_bytes and largest:
            account = heapq.heappop(largest)[2]
            self._closed += 1
            self._closed_bytes += account.size_bytes
            account.close()
        self._log_closed()

    def _log_closed(self) -> None:
        now = self._clock()
        if now < self._next_log:
            return
        self._next_log = now + LOG_INTERVAL_S
        log.warning(
            "clients together held more than limits.session_memory: those that held most were closed",
            extra={"closed": self._closed, "held_bytes": self._closed_bytes},
        )
        self._closed = self._closed_bytes = 0
