"""Requests whose time is over: most of them rest in the database, and are looked at in turns (spec 06, 07).

Money for them settles nothing, but is watched for during 30 days, and guests decide how many there are. So
only some are watched from memory. Of the others eight bytes each are known, so that an event about one is
noticed; their addresses are looked at when it is their turn to be watched from memory for a while.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol

from minirelay.payments.watched_payment import WatchedPayment
from minirelay.shop.issued_requests import DAY_S, RequestState
from minirelay.store.payment_records import PREFIX_BYTES, RESTING, UNPROVEN_LATER_S, Rests, WatchedRequest
from minirelay.store.payment_rows import PaymentTransfer

MOST_AWAKE: Final = 2000
TURN_S: Final = 60
"""As long those of one turn are watched at least: all of them are looked at within some polls."""


class RestingStore(Protocol):
    """Where they rest: `store.reader.Reader`."""

    async def resting_requests(
        self, rests: Rests, after: tuple[int, int], most: int
    ) -> tuple[list[WatchedRequest], tuple[int, int]]:
        """Read the next ones, and where to go on; (0, 0) at the end. Raises StoreError."""

    async def find_watched(self, ids: Iterable[bytes]) -> list[WatchedRequest]:
        """Find those for which money still matters, by PaymentID. Raises StoreError."""

    async def payment_transfers(self, ids: Iterable[bytes]) -> list[PaymentTransfer]:
        """Read what was observed for requests. Raises StoreError."""


class RestingRequests:
    """Those of one chain. A request is awake while it is watched from memory though it might rest."""

    def __init__(self, chain_id: int, store: RestingStore | None, most_awake: int = MOST_AWAKE) -> None:
        """store: None where nothing rests. most_awake: so many of those that might rest are in memory."""
        self._chain_id = chain_id
        self._store = store
        self._most_awake = most_awake
        self._known = array("Q")
        self._awake: OrderedDict[bytes, None] = OrderedDict()
        self._after = (0, 0)
        self._next_turn = 0

    def __len__(self) -> int:
        """Count those that rest."""
        return len(self._known)

    def load(self, prefixes: bytes) -> None:
        """Start with what rested before. prefixes: PREFIX_BYTES of each PaymentID, end to end."""
        found = array("Q", prefixes)
        found.byteswap()
        self._known = array("Q", sorted(found))

    def may_have(self, request_id: bytes) -> bool:
        """Return whether a request rests; hardly ever of another one."""
        at = bisect_left(self._known, prefix := _prefix(request_id))
        return at < len(self._known) and self._known[at] == prefix

    def rests(self, final_time: int) -> Rests:
        """Return which requests may rest: those that have been decided about since a day.

        final_time: timestamp of the chain's final block, epoch seconds.
        """
        return Rests(self._chain_id, max(0, final_time - DAY_S))

    def may_rest(self, one: WatchedPayment, final_time: int) -> bool:
        """Return whether nothing has to be decided about a request, whatever comes for it."""
        later_s = UNPROVEN_LATER_S if one.issued.state is RequestState.UNPROVEN else 0
        is_quiet = not one.events.unjudged and not one.events.has_seen
        return (
            self._store is not None
            and one.issued.state in RESTING
            and is_quiet
            and one.issued.request.ttl + later_s < self.rests(final_time).before
        )

    def note_quiet(self, request_id: bytes) -> None:
        """Take note that a request is awake, of which nothing has to be decided any more."""
        self._awake.setdefault(request_id, None)

    def note_gone(self, request_id: bytes) -> None:
        """Take note that a request is watched no more, or must not rest."""
        self._awake.pop(request_id, None)

    def surplus(self) -> list[bytes]:
        """List those that are to rest now: they have been awake longest."""
        return list(self._awake)[: max(0, len(self._awake) - self._most_awake)]

    def rest(self, request_id: bytes) -> None:
        """Let one rest."""
        self._awake.pop(request_id, None)
        prefix = _prefix(request_id)
        at = bisect_left(self._known, prefix)
        if at == len(self._known) or self._known[at] != prefix:
            self._known.insert(at, prefix)

    def wake(self, request_id: bytes) -> None:
        """Take note that one rests no more."""
        if self.may_have(request_id):
            del self._known[bisect_left(self._known, _prefix(request_id))]

    async def next_turn(
        self, now: int, final_time: int
    ) -> tuple[Sequence[WatchedRequest], Collection[PaymentTransfer]]:
        """Read those whose turn it is, and what was observed for them, if it is time. Raises StoreError.

        now: by the relay's clock. final_time: of the chain. Both in epoch seconds.
        """
        if self._store is None or not self._known or now < self._next_turn:
            return (), ()
        most = max(1, self._most_awake // 2)
        found, self._after = await self._store.resting_requests(self.rests(final_time), self._after, most)
        self._next_turn = now + TURN_S
        return found, await self._store.payment_transfers([one.issued.id for one in found])

    async def find(
        self, ids: Collection[bytes]
    ) -> tuple[Sequence[WatchedRequest], Collection[PaymentTransfer]]:
        """Read some, and what was observed for them. Raises StoreError."""
        if self._store is None or not ids:
            return (), ()
        return await self._store.find_watched(ids), await self._store.payment_transfers(ids)


def _prefix(request_id: bytes) -> int:
    return int.from_bytes(request_id[:PREFIX_BYTES])
