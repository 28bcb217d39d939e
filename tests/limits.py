"""The bounds with which a relay runs when nothing is set: tests take them as they are, or change a few."""

from typing import Final

from minirelay.config.settings import Settings
from minirelay.relay.limits import relay_limits
from minirelay.web.app import read_limits
from minirelay.web.read_throttle import ReadLimits

UNSET: Final = Settings()
RELAY: Final = relay_limits(UNSET)
CONNECTION: Final = RELAY.connection
SESSION: Final = CONNECTION.session
OUTBOX: Final = CONNECTION.outbox
WRITES: Final = RELAY.writes


def reading() -> ReadLimits:
    """Return what is read of sessions; each call's have a turn of their own."""
    return read_limits(UNSET)
