"""Keeps time for one session: pings a silent client, gives up on a dead one (spec 01, "Keep-alive")."""

import asyncio
from collections.abc import Callable, Iterable

from minirelay.relay.backpressure import Backpressure
from minirelay.relay.messages import Effect
from minirelay.relay.session import Session
from minirelay.relay.session_table import SessionState


class KeepAlive:
    """The timer of one session."""

    def __init__(
        self,
        session: Session,
        clock: Callable[[], float],
        carry_out: Callable[[Iterable[Effect]], None],
        backpressure: Backpressure,
    ) -> None:
        """clock: monotonic, in seconds. carry_out: takes what the session wants done.

        backpressure: says when the client is not read, and its silence is not its own.
        """
        self._session = session
        self._clock = clock
        self._carry_out = carry_out
        self._backpressure = backpressure
        self._timer: asyncio.TimerHandle | None = None
        self._arm()

    @property
    def is_running(self) -> bool:
        """Return whether a tick is still to come."""
        return self._timer is not None

    def tick(self, due: float) -> None:
        """Let the session look at the time, and again when it says so. due: when that was to happen."""
        self._disarm()
        now = self._clock()
        was_asleep = now - due > self._session.limits.ping_interval_s / 2
        if was_asleep or self._backpressure.has_much_unanswered:
            # The silence is the relay's own: it did not listen. The client gets its time again.
            self._session.heard(now)
        self._carry_out(self._session.tick(now))
        if self._session.state is not SessionState.CLOSED:
            self._arm()

    def stop(self) -> None:
        """Tick no more: the session is over."""
        self._disarm()
        # It knows the session, which knows this, and would wait for the collector with it.
        self._carry_out = _carry_nothing_out

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        due = self._session.next_tick()
        delay = max(0.0, due - self._clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self.tick, due)


def _carry_nothing_out(_: Iterable[Effect]) -> None:
    """Do nothing: the session is over."""
