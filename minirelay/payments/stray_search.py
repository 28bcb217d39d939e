"""Money at payment addresses that their requests did not ask for, on any chain of the relay (spec 06 "Paid").

Each address is searched once on each chain: when its request's time is over, or when it is paid: who sent the
wrong token first has often sent the right one then. The same address is there on all chains, and whoever
takes the wrong network pays to it there. Nothing waits for it: each chain is searched by its own poller,
behind all else, so one that hangs delays no other. That a search is over is a row, and what has none is
searched after a restart.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Final, Protocol

import msgspec

from minirelay.chain.findings import BalancesAt, ChainReader, Findings, FoundBalance, FoundLog, LogFilter
from minirelay.errors import ChainError, MinirelayError, StoreError
from minirelay.payments.alert_limits import AlertLimits
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.stray_findings import KnownStrays, StrayFindings
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.batch import Writable
from minirelay.store.payment_records import WatchedRequest
from minirelay.store.stray_rows import StraySearched, StraySearchRows

MOST_PAIRS: Final = 200
"""That one poll of a chain looks at, behind all others."""

MOST_WAITING: Final = 10_000
"""Addresses on one chain; beyond it some are given up, those of orders that are not paid first."""

SEARCHED_S: Final = 3600
"""A token that does not say what lies at an address is asked for so long, once it was asked."""

RESUMED_S: Final = 31 * 86_400
"""What was issued longer ago is not searched any more after a restart."""

ADDRESSES_AT_ONCE: Final = 32
"""Computed in one poll: a few milliseconds."""

SHOPS_AT_ONCE: Final = 16
"""Whose manifests are looked into for one poll."""

_OF_PAID_ORDERS: Final = frozenset({RequestState.PAID, RequestState.OVER, RequestState.REVERTED})

log = logging.getLogger(__name__)


class Accepted(Protocol):
    """Says what a shop accepts: `AcceptedTokens`."""

    async def of(self, shop_id: int, chain_id: int) -> frozenset[bytes]:
        """Return tokens, and coins. Raises MinirelayError."""


class StrayStore(KnownStrays, Protocol):
    """What is known of strays: `store.reader.Reader`."""

    async def unsearched_requests(
        self, chain_id: int, *, now: int, since: int, most: int
    ) -> list[WatchedRequest]:
        """Read at whose addresses is to be searched. Raises StoreError."""


class _Search(msgspec.Struct):
    """shop: row id. left: tokens to be asked for yet; None as long as they are not known.

    asked_at: epoch seconds, when it was first asked for; None: not yet.
    """

    shop: int
    issued: IssuedRequest
    address: bytes
    left: set[bytes] | None = None
    asked_at: int | None = None


class StraySearch:
    """The searches on one chain that are under way: a `Watch` of its poller."""

    def __init__(
        self,
        chain_id: int,
        accepted: Accepted,
        targets: Mapping[int, PaymentTarget],
        store: StrayStore,
        limits: AlertLimits,
        commit: Callable[[Writable], Awaitable[None]],
        clock: Callable[[], int],
    ) -> None:
        """targets: how requests are paid, by chain id. commit: has something stored; raises StoreError.

        clock: the relay's, epoch seconds.
        """
        self.chain_id = chain_id
        self._accepted = accepted
        self._targets = targets
        self._store = store
        self._found = StrayFindings(chain_id, store, limits, clock)
        self._commit = commit
        self._clock = clock
        self._searches: dict[bytes, _Search] = {}
        self._by_address: dict[bytes, bytes] = {}
        self._listed: list[bytes] = []
        self._untold: list[StraySearched] = []
        self._wants_addresses = False

    def __len__(self) -> int:
        """Count the searches."""
        return len(self._searches)

    async def load(self) -> set[int]:
        """Begin the searches that were under way before a restart, or should have been.

        Return the chains of their requests: what addresses are made of is known there. Raises StoreError.
        """
        now = self._clock()
        found = await self._store.unsearched_requests(
            self.chain_id, now=now, since=now - RESUMED_S, most=MOST_WAITING
        )
        for one in found:
            self.begin(one.shop, one.issued, b"")
        return {one.issued.request.chain_id for one in found}

    def want_addresses(self) -> None:
        """Learn at the next poll what the addresses of this chain's requests are made of."""
        self._wants_addresses = True

    def begin(self, shop: int, issued: IssuedRequest, address: bytes) -> None:
        """Search at the address of a request. shop: row id. address: empty: to be computed."""
        if issued.id in self._searches:
            return
        self._searches[issued.id] = _Search(shop, issued, address)
        if address:
            self._by_address[address] = issued.id
        if len(self._searches) > MOST_WAITING:
            self._finish(self._least_wanted(), is_read=False)

    # -- what a poller asks (`Watch`)

    def filters(self) -> Sequence[LogFilter]:
        """Return none: balances tell."""
        return ()

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:  # noqa: ARG002
        """Return none."""
        return ()

    def wants(self, log: FoundLog, /) -> bool:  # noqa: ARG002
        """Return False: no log matters."""
        return False

    def balances(self, now: int, /) -> Sequence[tuple[bytes, bytes]]:  # noqa: ARG002
        """List tokens and addresses to look at now; who was not answered comes behind the others."""
        self._listed, pairs = [], list[tuple[bytes, bytes]]()
        for search in islice(self._searches.values(), MOST_PAIRS):
            if search.left:
                self._listed.append(search.issued.id)
                pairs += [(token, search.address) for token in sorted(search.left)]
        return pairs[:MOST_PAIRS]

    def wants_balance(self, balance: FoundBalance, /) -> bool:  # noqa: ARG002
        """Return False: it is told at once, however deep its block is."""
        return False

    def is_needed(self) -> bool:
        """Return False: it can wait."""
        return False

    async def take(self, findings: Findings, reader: ChainReader, /) -> Sequence[Writable]:
        """Take what lies there, and have it stored; what can't be stored is looked at again."""
        found = findings.balances
        try:
            if found is not None:
                await self._take(found)
            await self._tell()
        except StoreError as error:
            log.warning(
                "a search for stray money has to wait", extra={"chain": self.chain_id, "reason": str(error)}
            )
        if found is not None or findings.token_faults:
            self._go_on()
        await self._prepare(reader)
        return ()

    # -- what lies there

    async def _take(self, found: BalancesAt) -> None:
        read: dict[bytes, set[bytes]] = {}
        lying: list[tuple[_Search, FoundBalance]] = []
        for balance in found.balances:
            search = self._searches.get(self._by_address.get(balance.holder, b""))
            if search is None or balance.token not in (search.left or ()):
                continue
            read.setdefault(search.issued.id, set()).add(balance.token)
            if balance.amount:
                lying.append((search, balance))
        over = [one for one, tokens in read.items() if tokens == self._searches[one].left]
        rows = StraySearchRows(
            tuple([StraySearched(one, self.chain_id, is_read=True) for one in over]),
            await self._found.rows([(one.shop, one.issued, balance) for one, balance in lying], found.block),
        )
        if rows.weight:
            await self._commit(rows)
        for request_id, tokens in read.items():
            search = self._searches.get(request_id)
            if search is not None and search.left is not None:
                search.left -= tokens
        for request_id in over:
            self._end(request_id)

    # -- how they go on

    def _go_on(self) -> None:
        """Let those that were asked for, and not answered, come behind the others, or give them up."""
        now = self._clock()
        for request_id in self._listed:
            search = self._searches.get(request_id)
            if search is None:
                continue
            search.asked_at = now if search.asked_at is None else search.asked_at
            if now > search.asked_at + SEARCHED_S:
                self._finish(request_id, is_read=False)
            else:
                self._put_behind(search)
        self._listed = []

    async def _prepare(self, reader: ChainReader) -> None:
        """Learn addresses and tokens of those that are next."""
        await self._open_target(reader)
        accepted: dict[int, frozenset[bytes] | None] = {}
        computed = 0
        for search in list(islice(self._searches.values(), MOST_PAIRS)):
            if not search.address and computed < ADDRESSES_AT_ONCE:
                computed += self._give_address(search)
            if search.address and search.left is None:
                await self._learn_tokens(search, accepted)
            if search.left is None:
                self._put_behind(search)

    async def _open_target(self, reader: ChainReader) -> None:
        target = self._targets.get(self.chain_id)
        if not self._wants_addresses or target is None or target.is_open:
            return
        try:
            await target.open(reader)
        except ChainError as error:
            log.debug("addresses have to wait", extra={"chain": self.chain_id, "reason": str(error)})

    def _give_address(self, search: _Search) -> bool:
        request = search.issued.request
        target = self._targets.get(request.chain_id)
        if target is None:
            # Its chain is configured no more, so nobody knows its address.
            self._end(search.issued.id)
            return False
        if not target.is_open:
            return False
        search.address = target.address_of(request)
        self._by_address[search.address] = search.issued.id
        return True

    async def _learn_tokens(self, search: _Search, accepted: dict[int, frozenset[bytes] | None]) -> None:
        """Learn what a shop accepts here. accepted: by shop; what is known of this poll's."""
        request = search.issued.request
        if request.shop_id not in accepted:
            if len(accepted) >= SHOPS_AT_ONCE:
                return
            try:
                accepted[request.shop_id] = await self._accepted.of(request.shop_id, self.chain_id)
            except MinirelayError as error:
                accepted[request.shop_id] = None
                extra = {"chain": self.chain_id, "reason": str(error)}
                log.debug("what a shop accepts is not known", extra=extra)
            await asyncio.sleep(0)
        tokens = accepted[request.shop_id]
        if tokens is not None and self._searches.get(search.issued.id) is search:
            is_own = request.chain_id == self.chain_id
            search.left = set(tokens - {request.currency} if is_own else tokens)
            if not search.left:
                self._finish(search.issued.id, is_read=True)

    # -- how they end

    def _least_wanted(self) -> bytes:
        """Return whose search is given up for another: the oldest one of an order that is not paid."""
        unpaid = (one for one, it in self._searches.items() if it.issued.state not in _OF_PAID_ORDERS)
        return next(unpaid, next(iter(self._searches)))

    def _finish(self, request_id: bytes, *, is_read: bool) -> None:
        """End a search, which is to be stored. is_read: all that was asked for was answered."""
        self._end(request_id)
        self._untold.append(StraySearched(request_id, self.chain_id, is_read))

    async def _tell(self) -> None:
        """Have stored which searches are over. Raises StoreError."""
        if not self._untold:
            return
        over = tuple(self._untold)
        await self._commit(StraySearchRows(over))
        del self._untold[: len(over)]
        if (count := sum([not one.is_read for one in over])) > 0:
            extra = {"chain": self.chain_id, "count": count}
            log.warning("it is not known whether stray money lies at some payment addresses", extra=extra)

    def _put_behind(self, search: _Search) -> None:
        """Let the others come first, if it is not over."""
        if self._searches.get(search.issued.id) is search:
            self._searches[search.issued.id] = self._searches.pop(search.issued.id)

    def _end(self, request_id: bytes) -> None:
        search = self._searches.pop(request_id, None)
        if search is not None:
            self._by_address.pop(search.address, None)
