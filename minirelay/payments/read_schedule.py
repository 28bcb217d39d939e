"""What of a chain's tokens and payees is read next: bounded, however many shops name however many.

What a write waits for comes first, the newest of it. Then, within another budget, in turns: what shops name
newly, one of each shop after the other, and what is to be read again.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from minirelay.shop.checkout_facts import PayeeOf, TokenOf

AWAITED_PER_S: Final = 4.0
AWAITED_BURST: Final = 32
"""Reads that writes wait for. Each is one exchange of two to four calls."""

BACKGROUND_PER_S: Final = 1.0
BACKGROUND_BURST: Final = 64
"""Reads that no write waits for."""

MOST_KNOWN: Final = 4096
"""What is known of a chain at a time; what was read longest ago is forgotten, and read when it is chosen."""

ContractFact = TokenOf | PayeeOf


class Wanted(msgspec.Struct, frozen=True):
    """What is kept warm on one chain for one shop. payee: whom tokens may be paid to, 20 bytes, if any."""

    facts: Sequence[ContractFact] = ()
    payee: bytes | None = None


class Budget:
    """So many in a second, and so many at once after a while without any."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        """clock: monotonic, seconds."""
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._counted_at = clock()

    def wait_s(self) -> float:
        """Return how long it takes until there is one more."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._counted_at) * self._per_s)
        self._counted_at = now
        return max(0.0, (1 - self._left) / self._per_s)

    def take(self) -> None:
        """Use one."""
        self._left -= 1


class ReadSchedule:
    """What of one chain is to be read, and when. Nothing here waits."""

    def __init__(self, clock: Callable[[], float], forget: Callable[[ContractFact], None]) -> None:
        """clock: monotonic, seconds. forget: gets what is known too long, or too much."""
        self._clock = clock
        self._forget = forget
        self._waiting: dict[ContractFact, int] = {}
        self._awaited: dict[ContractFact, None] = {}
        self._by_shop: dict[int, Wanted] = {}
        self._shops_of: dict[ContractFact, dict[int, None]] = {}
        self._new: dict[int, list[ContractFact]] = {}
        self._due_at: dict[ContractFact, float] = {}
        self._due: list[tuple[float, int, ContractFact]] = []
        self._count = 0
        self._is_turn_of_new = True
        self._for_awaited = Budget(AWAITED_PER_S, AWAITED_BURST, clock)
        self._for_others = Budget(BACKGROUND_PER_S, BACKGROUND_BURST, clock)

    @property
    def is_needed(self) -> bool:
        """Return whether a shop in use takes payments on this chain."""
        return bool(self._by_shop)

    def keep(self, shop_id: int, wanted: Wanted) -> None:
        """Keep warm, for a shop, these and nothing else; what was never read is read soon."""
        before = self._by_shop.pop(shop_id, Wanted())
        after = frozenset(wanted.facts)
        for fact in before.facts:
            if fact not in after:
                self._release(fact, shop_id)
        for fact in wanted.facts:
            self._shops_of.setdefault(fact, {})[shop_id] = None
        if wanted.facts:
            self._by_shop[shop_id] = wanted
        earlier = [fact for fact in self._new.get(shop_id, ()) if fact in after]
        known = {*earlier, *before.facts}
        new = [*earlier, *(fact for fact in wanted.facts if fact not in known and fact not in self._due_at)]
        if new:
            self._new[shop_id] = new
        else:
            self._new.pop(shop_id, None)

    def payee_for(self, fact: ContractFact) -> bytes | None:
        """Return a payee of a shop that names this token."""
        shop_id = next(iter(self._shops_of.get(fact, ())), None)
        return None if shop_id is None else self._by_shop[shop_id].payee

    def begin_waiting(self, fact: ContractFact) -> None:
        """Take note that one more write waits for a fact."""
        self._waiting[fact] = self._waiting.get(fact, 0) + 1
        self._awaited.pop(fact, None)
        self._awaited[fact] = None

    def end_waiting(self, fact: ContractFact) -> None:
        """Take note that one of them waits no more."""
        self._waiting[fact] -= 1
        if not self._waiting[fact]:
            del self._waiting[fact]
            self._awaited.pop(fact, None)

    def take(self) -> ContractFact | None:
        """Return what is to be read now, if the budgets allow any."""
        if self._awaited and not self._for_awaited.wait_s():
            self._for_awaited.take()
            return next(reversed(self._awaited))
        if self._for_others.wait_s():
            return None
        fact = self._take_new() or self._take_due() if self._is_turn_of_new else None
        fact = fact or self._take_due() or self._take_new()
        self._is_turn_of_new = not self._is_turn_of_new
        if fact is not None:
            self._for_others.take()
        return fact

    def pause_s(self) -> float | None:
        """Return when to take the next one; None if there is nothing to read until something is named."""
        pauses = []
        if self._awaited:
            pauses.append(self._for_awaited.wait_s())
        if self._new:
            pauses.append(self._for_others.wait_s())
        elif self._due:
            pauses.append(max(self._for_others.wait_s(), self._due[0][0] - self._clock()))
        return max(0.0, min(pauses)) if pauses else None

    def was_read(self, fact: ContractFact, again_in_s: float) -> None:
        """Take note that a fact is known now; it is read again after this time."""
        self._awaited.pop(fact, None)
        self._put(fact, again_in_s)

    def was_not_read(self, fact: ContractFact, again_in_s: float) -> None:
        """Take note that the chain could not be asked."""
        if fact in self._shops_of:
            self._put(fact, again_in_s)
        else:
            # It may be known from before, and nothing would make it forgotten.
            self._forget(fact)

    def _put(self, fact: ContractFact, in_s: float) -> None:
        self._count += 1
        # As the newest, whatever it was before.
        self._due_at.pop(fact, None)
        self._due_at[fact] = self._clock() + in_s
        heapq.heappush(self._due, (self._due_at[fact], self._count, fact))
        if len(self._due_at) > MOST_KNOWN:
            oldest = next(iter(self._due_at))
            del self._due_at[oldest]
            self._forget(oldest)
        if len(self._due) > 2 * MOST_KNOWN:
            self._due = [entry for entry in self._due if self._due_at.get(entry[2]) == entry[0]]
            heapq.heapify(self._due)

    def _release(self, fact: ContractFact, shop_id: int) -> None:
        shops = self._shops_of[fact]
        del shops[shop_id]
        if not shops:
            del self._shops_of[fact]

    def _take_new(self) -> ContractFact | None:
        while self._new:
            shop_id, facts = next(iter(self._new.items()))
            fact = facts.pop()
            # To the end, behind the other shops.
            del self._new[shop_id]
            if facts:
                self._new[shop_id] = facts
            if fact not in self._due_at:
                return fact
        return None

    def _take_due(self) -> ContractFact | None:
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            at, _, fact = heapq.heappop(self._due)
            if self._due_at.get(fact) != at:
                continue
            del self._due_at[fact]
            if fact in self._shops_of:
                return fact
            self._forget(fact)
        return None
