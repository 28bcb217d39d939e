"""Rates of the market: prices of the currencies in use, read in the background and told from memory."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from fractions import Fraction
from itertools import islice
from typing import Final, Protocol

from minirelay.errors import PricesUnavailable, StoreError
from minirelay.payments.coingecko import BATCH, Platform, ReadPrice
from minirelay.payments.price_guard import GuardedPrice, Verdict, accept_by_hand, judge_price
from minirelay.payments.price_memory import PriceMemory
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.checkout_facts import UNKNOWN, Unknown, place_of
from minirelay.shop.issued_requests import Place
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import Rate

log = logging.getLogger(__name__)

CACHED_S: Final = 60.0
OLDEST_S: Final = 600
"""A price that the source itself has not renewed for longer is none."""

PLATFORMS_AGE_S: Final = 86_400.0
LEAST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 600.0
"""Between two rounds: writes that wait call for the next one; a source that fails is asked less and less."""

MOST_REQUESTS: Final = 10
"""In one round; what does not fit is first in the next."""

MOST_CURRENCIES: Final = 1000
"""That are kept warm for all shops together; beyond it they are read when they are chosen."""

_MOST_DOUBLINGS: Final = 9
_RATE_BITS: Final = 256
_PRECISE_BITS: Final = 64


async def pause(seconds: float) -> None:
    """Let time pass."""
    await asyncio.sleep(seconds)


class PriceSource(Protocol):
    """Where prices come from: `coingecko.CoinGecko`. All raises PricesUnavailable."""

    async def platforms(self) -> dict[int, Platform]:
        """Return the chains that it knows, by chain id."""

    async def coin_prices(self, ids: Sequence[str]) -> dict[str, ReadPrice]:
        """Return the prices of native coins, by their ids: BATCH at most."""

    async def token_prices(self, platform: str, addresses: Sequence[bytes]) -> dict[bytes, ReadPrice]:
        """Return the prices of tokens on a platform, by address: BATCH at most."""


class MarketRates:
    """Knows what currencies are worth. `rate` may be asked from any thread."""

    def __init__(
        self,
        source: PriceSource,
        memory: PriceMemory,
        now: Callable[[], datetime],
        *,
        most_change: Fraction,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """now: the relay's clock, aware. most_change: see `judge_price`."""
        self.on_change: Callable[[], None] = lambda: None
        self._source = source
        self._memory = memory
        self._now = now
        self._most_change = most_change
        self._clock = clock
        # Replaced as a whole: other threads read it.
        self._prices: Mapping[Place, ReadPrice] = {}
        self._guards: dict[Place, GuardedPrice | None] = {}
        self._read_at: dict[Place, float] = {}
        self._kept: dict[int, tuple[Place, ...]] = {}
        self._awaited: Counter[Place] = Counter()
        self._platforms: dict[int, Platform] = {}
        self._platforms_at: float | None = None
        self._called = asyncio.Event()
        self._failures = 0

    # -- what is known

    def rate(self, pricing: ChainAddress, chosen: ChainAddress, /) -> Rate | Unknown | None:
        """Return the rate from one currency to another; None if there is none now."""
        prices = self._prices
        found = [prices.get(place_of(one)) for one in (pricing, chosen)]
        if None in found:
            return UNKNOWN
        now = int(self._now().timestamp())
        values = [one.price for one in found if one is not None and abs(now - one.updated_at) <= OLDEST_S]
        match values:
            case [Fraction() as from_price, Fraction() as to_price]:
                return rate_between(from_price, to_price)
        return None

    def guards(self) -> dict[Place, GuardedPrice]:
        """Return the accepted prices in dollars, and those that are held back."""
        return {place: guard for place, guard in self._guards.items() if guard is not None}

    async def accept(self, place: Place, near: Fraction) -> Fraction | None:
        """Let the price be used that is held back, when a person says so; return it.

        near: the price as that person saw it. None if nothing so near is held back.
        """
        guard = accept_by_hand(self._guards.get(place), near)
        if guard is None:
            return None
        self._guards[place] = guard
        if (read := self._prices.get(place)) is not None:
            self._prices = {**self._prices, place: ReadPrice(guard.accepted, read.updated_at)}
        self.on_change()
        await self._memory.accept(place, guard.accepted)
        return guard.accepted

    # -- what is wanted

    def keep(self, shop_id: int, currencies: Collection[Place]) -> None:
        """Keep warm, for a shop, these and nothing else."""
        if currencies:
            self._kept[shop_id] = tuple(dict.fromkeys(currencies))
        else:
            self._kept.pop(shop_id, None)
        if any(one not in self._prices for one in currencies):
            self._called.set()

    @contextmanager
    def waiting(self, *currencies: Place) -> Iterator[None]:
        """Read these next, as long as a write waits for them."""
        self._awaited.update(currencies)
        self._called.set()
        try:
            yield
        finally:
            self._awaited.subtract(currencies)
            self._awaited += Counter()

    # -- reading

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self._called.clear()
            pause_s = await self._try_round()
            # Whoever calls does not make a source work more that fails, or has just answered.
            await pause(LEAST_PAUSE_S if self._failures == 0 else pause_s)
            if self._failures == 0:
                # Not `wait_for`: called and cancelled at once, it forgets the latter before Python 3.12.
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._called.wait()

    async def _try_round(self) -> float:
        """Read what is due; return how long there is nothing more to do."""
        try:
            is_all = await self.read_due()
        except PricesUnavailable as error:
            self._failures += 1
            backoff_s = LEAST_PAUSE_S * (1 << min(self._failures, _MOST_DOUBLINGS))
            pause_s = min(LONGEST_PAUSE_S, max(backoff_s, error.retry_after_s or 0.0))
            log.warning(
                "the source of prices could not be asked", extra={"reason": str(error), "rest_s": pause_s}
            )
            return pause_s
        self._failures = 0
        return CACHED_S / 2 if is_all else 0.0

    async def read_due(self) -> bool:
        """Read prices that are older than CACHED_S, or not known; return whether that was all.

        Raises PricesUnavailable.
        """
        wanted = self._wanted()
        self._forget_all_but(wanted)
        now = self._clock()
        due = [one for one in wanted if now - self._read_at.get(one, float("-inf")) >= CACHED_S]
        if not due:
            return True
        await self._read_platforms(now)
        batches = list(self._batches(due))
        failures = []
        for batch in batches[:MOST_REQUESTS]:
            try:
                await self._read(batch)
            except PricesUnavailable as error:
                failures.append(error)
                # The others come before it the next time.
                self._read_at.update(dict.fromkeys(batch, self._clock()))
        if len(failures) == min(len(batches), MOST_REQUESTS):
            raise failures[0]
        if failures:
            log.warning("some prices could not be read", extra={"reason": str(failures[0])})
        return len(batches) <= MOST_REQUESTS

    def _wanted(self) -> list[Place]:
        """List what is to be known: what writes wait for, then what was not read for longest."""
        kept = dict.fromkeys(place for places in self._kept.values() for place in places)
        oldest = sorted(islice(kept, MOST_CURRENCIES), key=lambda one: self._read_at.get(one, float("-inf")))
        return list(dict.fromkeys([*self._awaited, *oldest]))

    def _forget_all_but(self, wanted: Sequence[Place]) -> None:
        if len(self._guards) > len(wanted) or len(self._prices) > len(wanted):
            known = set(wanted)
            self._prices = {place: one for place, one in self._prices.items() if place in known}
            self._guards = {place: one for place, one in self._guards.items() if place in known}
            self._read_at = {place: at for place, at in self._read_at.items() if place in known}

    async def _read_platforms(self, now: float) -> None:
        if self._platforms_at is None or now - self._platforms_at >= PLATFORMS_AGE_S:
            try:
                self._platforms = await self._source.platforms()
            except PricesUnavailable:
                # What was known a day ago is still so.
                if self._platforms_at is None:
                    raise
            self._platforms_at = now

    def _batches(self, due: Sequence[Place]) -> Iterator[list[Place]]:
        """Put together what one request can ask for: native coins, or tokens of one chain."""
        together: dict[int | None, list[Place]] = {}
        for place in due:
            together.setdefault(None if place[1] == NATIVE_COIN else place[0], []).append(place)
        for places in together.values():
            for begin in range(0, len(places), BATCH):
                yield places[begin : begin + BATCH]

    async def _read(self, batch: Sequence[Place]) -> None:
        found = await (self._coins(batch) if batch[0][1] == NATIVE_COIN else self._tokens(batch))
        for place in batch:
            price = await self._guarded(place, found.get(place, ReadPrice(None, 0)))
            self._prices = {**self._prices, place: price}
            self._read_at[place] = self._clock()
        self.on_change()

    async def _coins(self, batch: Sequence[Place]) -> dict[Place, ReadPrice]:
        ids: dict[Place, str] = {}
        for place in batch:
            platform = self._platforms.get(place[0])
            if platform is not None and platform.native_coin_id is not None:
                ids[place] = platform.native_coin_id
        if not ids:
            return {}
        found = await self._source.coin_prices(list(dict.fromkeys(ids.values())))
        return {place: found[name] for place, name in ids.items() if name in found}

    async def _tokens(self, batch: Sequence[Place]) -> dict[Place, ReadPrice]:
        chain_id = batch[0][0]
        platform = self._platforms.get(chain_id)
        if platform is None:
            return {}
        found = await self._source.token_prices(platform.id, [address for _, address in batch])
        return {(chain_id, address): price for address, price in found.items()}

    async def _guarded(self, place: Place, read: ReadPrice) -> ReadPrice:
        """Return a price as it may be used."""
        now = int(self._now().timestamp())
        if read.price is None or abs(now - read.updated_at) > OLDEST_S:
            return read
        if place not in self._guards:
            try:
                accepted = await self._memory.load(place)
            except StoreError as error:
                log.warning("a price can't be compared with the last one", extra={"reason": str(error)})
                return ReadPrice(None, read.updated_at)
            self._guards[place] = None if accepted is None else GuardedPrice(accepted)
        guard, verdict = judge_price(self._guards[place], read.price, now, self._most_change)
        self._guards[place] = guard
        if verdict is Verdict.ACCEPTED:
            await self._memory.accept(place, read.price)
            return read
        if verdict is Verdict.JUMPED:
            await self._memory.tell_jump(place, guard.accepted, read.price)
        return ReadPrice(None, read.updated_at)


def rate_between(pricing: Fraction, chosen: Fraction) -> Rate | None:
    """Return what a coin of one price is worth in coins of the other; None where no rate can say it."""
    exact = pricing / chosen
    surplus = max(exact.numerator.bit_length(), exact.denominator.bit_length()) - _RATE_BITS
    if surplus <= 0:
        return Rate(exact.numerator, exact.denominator)
    numerator, denominator = exact.numerator >> surplus, exact.denominator >> surplus
    if min(numerator.bit_length(), denominator.bit_length()) < _PRECISE_BITS:
        return None
    return Rate(numerator, denominator)
