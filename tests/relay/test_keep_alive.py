"""Time and one session: a silent client is given up, one to whom the relay did not listen is not."""

from collections.abc import Iterable

from minirelay.protocol import envelope as wire
from minirelay.relay.backpressure import Backpressure
from minirelay.relay.keep_alive import KeepAlive
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import Effect, HangUp, Send
from minirelay.relay.session import Session, SessionLimits
from tests.relay.house import until


class Timed:
    """A session on a clock that the test moves."""

    def __init__(self, ping_interval_s: float = 10, kick_timeout_s: float = 30) -> None:
        self.now = 100.0
        self.effects: list[Effect] = []
        self.session = Session(SessionLimits(1024, 1024, ping_interval_s, kick_timeout_s), self.now)
        account = MemoryBudget(2**27).open(lambda _is_lingering: None)
        self.backpressure = Backpressure(2**20, account, lambda: False)
        self.keep_alive = KeepAlive(self.session, lambda: self.now, self.carry_out, self.backpressure)

    def carry_out(self, effects: Iterable[Effect]) -> None:
        self.effects.extend(effects)

    def pass_s(self, seconds: float, *, late_s: float = 0) -> None:
        """Let time pass, then tick; late_s: so much after that was due."""
        self.now += seconds
        self.keep_alive.tick(self.now - late_s)

    @property
    def codes(self) -> list[int]:
        return [effect.code for effect in self.effects if isinstance(effect, HangUp)]


async def test_a_silent_client_is_pinged_and_given_up() -> None:
    timed = Timed()
    timed.pass_s(10)
    (ping,) = timed.effects
    assert isinstance(ping, Send)
    assert isinstance(wire.decode_envelope(ping.frame).message, wire.PingRequest)
    timed.pass_s(20)
    assert timed.codes == [1008]
    # The tick that gave it up was the last one.
    timed.keep_alive.stop()
    assert not timed.keep_alive.is_running


async def test_the_timer_ticks_by_itself_until_it_is_stopped() -> None:
    interval_s = 2**-10
    timed = Timed(ping_interval_s=interval_s, kick_timeout_s=30)
    timed.pass_s(interval_s)
    assert len(timed.effects) == 1
    timed.now += interval_s
    await until(lambda: len(timed.effects) == 2)
    timed.keep_alive.stop()
    assert not timed.keep_alive.is_running


async def test_a_relay_that_was_asleep_gives_its_clients_their_time_again() -> None:
    timed = Timed()
    timed.pass_s(1000, late_s=990)
    assert timed.codes == []
    timed.pass_s(30)
    assert timed.codes == [1008]
    timed.keep_alive.stop()


async def test_a_client_whose_writes_wait_for_the_relay_is_not_the_silent_one() -> None:
    timed = Timed()
    timed.backpressure.took_write(2**20)
    timed.pass_s(30)
    assert timed.codes == []
    timed.backpressure.settled_write(2**20)
    timed.pass_s(30)
    assert timed.codes == [1008]
    timed.keep_alive.stop()


async def test_a_sign_of_life_that_is_no_frame_counts() -> None:
    timed = Timed()
    timed.now += 29
    timed.session.heard(timed.now)
    timed.pass_s(29)
    assert timed.codes == []
    timed.keep_alive.stop()
