"""The newest block of each chain, read again and again (spec 07 "Watching by polling").

The poller of payments will bring heads along; until then this asks for nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.errors import ChainError, MalformedInput
from minirelay.protocol.json_rpc import read_quantity
from minirelay.shop.checkout_facts import ChainHead

log = logging.getLogger(__name__)

POLL_INTERVAL_S: Final = 4.0
DEVELOPMENT_INTERVAL_S: Final = 0.5
QUIET_INTERVAL_S: Final = 30.0
"""How often a chain is looked at on which no shop takes payments."""

MOST_AHEAD_S: Final = 366 * 86_400
"""A block further ahead of the relay's clock is none; a relay may start before its clock is set."""

_MOST: Final = 2**40
"""More blocks, and more seconds, than any chain will have."""


class HeadReader:
    """Reads the head of one chain, and tells it."""

    def __init__(
        self,
        chain: Chain,
        tell: Callable[[int, ChainHead], None],
        now: Callable[[], datetime],
        *,
        is_development: bool,
        interval_s: float = 0.0,
        quiet_interval_s: float = QUIET_INTERVAL_S,
    ) -> None:
        """tell: gets the chain's id and each head. now: the relay's clock. interval_s: 0 for the default."""
        self._chain = chain
        self._tell = tell
        self._now = now
        self._is_development = is_development
        default_s = DEVELOPMENT_INTERVAL_S if is_development else POLL_INTERVAL_S
        self._interval_s = interval_s or default_s
        self._quiet_interval_s = max(quiet_interval_s, self._interval_s)
        self._is_needed = False
        self._waiting = 0
        self._called = asyncio.Event()

    def need(self, is_needed: bool) -> None:
        """Take note whether a shop in use takes payments on this chain; if it is the first, read at once."""
        if is_needed and not self._is_needed:
            self._called.set()
        self._is_needed = is_needed

    def begin_waiting(self) -> None:
        """Take note that a write waits for the head: it is read at once."""
        self._waiting += 1
        self._called.set()

    def end_waiting(self) -> None:
        """Take note that it waits no more."""
        self._waiting -= 1

    async def run(self) -> None:
        """Read until cancelled."""
        complaint = ""
        while True:
            self._called.clear()
            try:
                head = await self._read()
            except ChainError as error:
                # The endpoints' own failures are logged already.
                log.debug("the head of a chain could not be read", extra={"reason": str(error)})
            except Exception as error:
                if repr(error) != complaint:
                    log.exception("reading the head of a chain failed; it is tried again")
                complaint = repr(error)
            else:
                self._tell(self._chain.chain_id, head)
            await self._pause()

    async def _pause(self) -> None:
        is_busy = self._is_needed or self._waiting > 0
        pause_s = self._interval_s if is_busy else self._quiet_interval_s
        with suppress(TimeoutError):
            await asyncio.wait_for(self._called.wait(), pause_s)

    async def _read(self) -> ChainHead:
        return await self._chain.request("eth_getBlockByNumber", ["latest", False], self._read_head)

    def _read_head(self, block: object) -> ChainHead:
        if not isinstance(block, dict):
            raise MalformedInput("not a block")
        number, timestamp = read_quantity(block.get("number")), read_quantity(block.get("timestamp"))
        now = int(self._now().timestamp())
        latest = _MOST if self._is_development else now + MOST_AHEAD_S
        if number > _MOST or timestamp > latest:
            raise MalformedInput("a block of a far future")
        return ChainHead(number, timestamp, now, self._is_development)
