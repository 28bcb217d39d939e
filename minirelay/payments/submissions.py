"""What is being decided about payments: handed to the shops' sequencers, and waited for (spec 06 "Paid")."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from minirelay.errors import MinirelayError, Refusal
from minirelay.payments.evidence import Evidence
from minirelay.payments.settlement import SettlementTerms, settlement
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.relay.event_log import payment_fields
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.shop.checkout_facts import FactsMissing

log = logging.getLogger(__name__)

WriteOwn = Callable[[int, Decide], Awaitable[OwnSets | None]]
"""`Relay.write_own`: a shop's token id, and how to decide."""


class Submissions:
    """Those of one chain. Nothing is decided about twice at a time."""

    def __init__(
        self, chain_id: int, requests: WatchedRequests, terms: SettlementTerms, write_own: WriteOwn
    ) -> None:
        """requests: gets those again that could not be decided about."""
        self._chain_id = chain_id
        self._requests = requests
        self._terms = terms
        self._write_own = write_own
        self._deciding: set[asyncio.Task[None]] = set()

    def submit(self, one: WatchedPayment, news: Evidence) -> None:
        """Have written what becomes of news."""
        self._deciding.add(asyncio.create_task(self._submit(one, news)))

    async def write_by_hand(self, shop_id: int, make: Callable[[], Decide]) -> OwnSets | None:
        """Have written what a person decides, when nothing else is decided about.

        make: is asked for it then. Raises like `Relay.write_own`.
        """
        while pending := [one for one in self._deciding if not one.done()]:
            # Whether they fail is for the poll to see.
            await asyncio.wait(pending)
        writing = asyncio.ensure_future(self._write_own(shop_id, make()))
        written = asyncio.create_task(_finished(writing))
        self._deciding.add(written)
        await written
        return writing.result()

    async def wait(self) -> None:
        """Wait until all that was submitted is durable. Raises what the first that failed has raised."""
        failures: list[BaseException] = []
        # A person may decide meanwhile.
        while deciding := set(self._deciding):
            # Cancelled, this leaves them under way, and the next poll waits for them.
            await asyncio.wait(deciding)
            self._deciding -= deciding
            failures += [error for one in deciding if (error := one.exception()) is not None]
        if failures:
            raise failures[0]

    async def finish(self) -> None:
        """Wait until what is being decided is durable, or has failed: then the next start finds it again."""
        try:
            await self.wait()
        except MinirelayError as error:
            extra = {"chain": self._chain_id, "reason": str(error)}
            log.warning("what a payment causes was not written before the end", extra=extra)

    async def _submit(self, one: WatchedPayment, news: Evidence) -> None:
        before, is_durable = one.issued.state, False
        try:
            decide = settlement(one.issued, news, self._terms)
            await self._write_own(self._requests.shop_id(one), decide)
            is_durable = True
        except (FactsMissing, Refusal) as error:
            extra = {"chain": self._chain_id, "payment": one.id.hex(), "reason": str(error)}
            log.warning("what a payment causes could not be written; it is tried again", extra=extra)
        finally:
            if is_durable:
                one.note_stored(news)
            elif self._requests.get(one.id) is one:
                self._requests.touched[one.id] = None
        if one.issued.state is not before:
            fields = payment_fields(one.issued.request.shop_id, one.issued)
            log.info("a payment request is %s", one.issued.state.value, extra=fields)


async def _finished(work: asyncio.Future[OwnSets | None]) -> None:
    """Wait for work, however it ends."""
    await asyncio.wait([work])
