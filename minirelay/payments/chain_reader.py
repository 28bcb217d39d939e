"""Reads the tokens and payees of one chain, one after the other, in the background."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from minirelay.chain.chain import Chain
from minirelay.errors import ChainError
from minirelay.payments.contract_probes import read_token, takes_coin
from minirelay.payments.decimals_memory import DecimalsMemory, NoMemory
from minirelay.payments.known_facts import KnownFacts
from minirelay.payments.read_schedule import ContractFact, ReadSchedule, Wanted
from minirelay.protocol.signing import checksum_address
from minirelay.shop.checkout_facts import PayeeOf, TokenFacts
from minirelay.shop.issued_requests import Place

log = logging.getLogger(__name__)

TOKEN_AGE_S: Final = 86_400.0
"""Decimals are read again once a day (spec 07 "Prices")."""

PAYEE_AGE_S: Final = 3600.0
"""A payee may get other code at any time."""

FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 3600.0
"""When what can't be used is looked at again: twice as long each time."""

UNREACHABLE_PAUSE_S: Final = 1.0


class ChainReader:
    """Reads what its schedule says. One exchange is under way at a time, so a slow chain is asked less."""

    def __init__(
        self,
        chain: Chain,
        known: KnownFacts,
        *,
        payments: bytes,
        allows_unsweepable: bool = False,
        memory: DecimalsMemory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """payments: address of the Payments contract. allows_unsweepable: take such tokens all the same.

        memory: of decimals, from before this run too.
        """
        self._chain = chain
        self._known = known
        self._payments = payments
        self._allows_unsweepable = allows_unsweepable
        self._memory = memory or NoMemory()
        self._schedule = ReadSchedule(clock, self._forget)
        self._failures: dict[ContractFact, int] = {}
        self._called = asyncio.Event()

    @property
    def is_needed(self) -> bool:
        """Return whether a shop in use takes payments on this chain."""
        return self._schedule.is_needed

    def keep(self, shop_id: int, wanted: Wanted) -> None:
        """Keep warm, for a shop, these and nothing else."""
        self._schedule.keep(shop_id, wanted)
        self._called.set()

    def begin_waiting(self, fact: ContractFact) -> None:
        """Take note that a write waits for a fact: it is read next."""
        self._schedule.begin_waiting(fact)
        self._called.set()

    def end_waiting(self, fact: ContractFact) -> None:
        """Take note that it waits no more."""
        self._schedule.end_waiting(fact)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self._called.clear()
            fact = self._schedule.take()
            if fact is None:
                # Not `wait_for`: called and cancelled at once, it forgets the latter before Python 3.12.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._schedule.pause_s()):
                        await self._called.wait()
            elif not await self._try(fact):
                await asyncio.sleep(UNREACHABLE_PAUSE_S)

    async def _try(self, fact: ContractFact) -> bool:
        """Read a fact; return whether the chain could be asked."""
        try:
            await self._read(fact)
        except ChainError:
            # The endpoints' own failures are logged already.
            self._schedule.was_not_read(fact, UNREACHABLE_PAUSE_S)
            return False
        except Exception:
            log.exception("reading of a token or payee failed; it is tried again")
            self._schedule.was_not_read(fact, LONGEST_RETRY_S)
            return False
        return True

    async def _read(self, fact: ContractFact) -> None:
        address = fact.place[1]
        if isinstance(fact, PayeeOf):
            takes = await takes_coin(self._chain, self._payments, address)
            self._known.learn_payee(fact.place, takes)
            self._was_read(fact, PAYEE_AGE_S, is_usable=takes)
        else:
            payee = self._schedule.payee_for(fact) or self._payments
            token = await read_token(self._chain, self._payments, address, payee)
            await self._learn_token(fact.place, token)
            self._was_read(fact, TOKEN_AGE_S, is_usable=token.decimals is not None and token.is_payable)

    def _was_read(self, fact: ContractFact, age_s: float, *, is_usable: bool) -> None:
        if is_usable:
            self._failures.pop(fact, None)
            self._schedule.was_read(fact, age_s)
            return
        failures = self._failures[fact] = self._failures.get(fact, 0) + 1
        retry_s = min(FIRST_RETRY_S * 2 ** min(failures - 1, 16), LONGEST_RETRY_S)
        self._schedule.was_read(fact, min(retry_s, age_s))

    async def _learn_token(self, place: Place, token: TokenFacts) -> None:
        known = self._known.token(place)
        remembered = None if token.decimals is None else await self._memory.note(place, token.decimals)
        # What was read in this run counts first, also that nothing could be read.
        before = remembered if known is None else known.decimals
        if (known is not None or remembered is not None) and before != token.decimals:
            log.error(
                "a token has other decimals than before: what its units are worth has changed",
                extra={
                    "chain": place[0],
                    "token": checksum_address(place[1]),
                    "before": before,
                    "now": token.decimals,
                },
            )
        if self._allows_unsweepable:
            token = msgspec.structs.replace(token, is_payable=True)
        self._known.learn_token(place, token)

    def _forget(self, fact: ContractFact) -> None:
        self._failures.pop(fact, None)
        self._known.forget(fact)
