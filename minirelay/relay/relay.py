"""The running relay: what ties sessions, shops and the store together. It decides nothing itself."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.errors import StorageFull, invalid, not_found
from minirelay.metrics import Meters
from minirelay.protocol.envelope import Filter
from minirelay.protocol.gaps import RESTORED
from minirelay.protocol.ids import NOBODY, UINT256_BYTES, show_shop
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.card_register import CardRegister
from minirelay.relay.client_write import ClientWrite, WriteTerms
from minirelay.relay.clock import utc_now
from minirelay.relay.connection import Connection
from minirelay.relay.event_log import EventLog
from minirelay.relay.facts_source import FactsSource
from minirelay.relay.large_sets import LargeSets
from minirelay.relay.limits import RelayLimits
from minirelay.relay.live_cards import LiveCards
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import Enrolment, HangUp, Outcome, Subscribe, WriteRequest
from minirelay.relay.own_write import Decide, OwnSets, OwnWrites
from minirelay.relay.shop_events import CheckoutFollower
from minirelay.relay.shops import HostedShop, Shops
from minirelay.relay.subscription import Subscription
from minirelay.relay.view import make_view
from minirelay.shop.access import Role
from minirelay.shop.visibility import View
from minirelay.store.database import Store
from minirelay.store.gaps import count_sets, gap_around
from minirelay.store.messages import KeyCard, NextRows

log = logging.getLogger(__name__)


class Relay:
    """One relay over one store."""

    def __init__(
        self,
        store: Store,
        next_rows: NextRows,
        *,
        wallet: PrivateKey,
        registry_chain: int,
        limits: RelayLimits,
        facts: FactsSource,
        upload_tokens: UploadTokens,
        now: Callable[[], datetime] = utc_now,
        is_disk_low: Callable[[], bool] = lambda: False,
    ) -> None:
        """next_rows: of the store, read at the start. wallet: signs what the relay writes.

        registry_chain: chain id. facts: of chains and rates. upload_tokens: for clerks. now: the relay's
        clock, aware UTC. is_disk_low: from memory; meanwhile no client's write is taken.
        """
        self.store = store
        self.limits = limits
        self.memory = MemoryBudget(limits.session_memory_bytes)
        """What all sessions hold."""
        self.meters = Meters()
        """What is counted while it runs."""
        self.live_cards: LiveCards[Connection] = LiveCards()
        self.shops = Shops(
            store,
            next_rows.shop,
            self.live_cards,
            facts,
            memory_bytes=limits.shop_memory_bytes,
            facts_timeout_s=limits.facts_timeout_s,
            now=now,
            push_latency=self.meters.push,
        )
        self.cards = CardRegister(
            store.reader,
            self.shops,
            next_rows.card,
            wallet=wallet,
            registry_chain=registry_chain,
            guest_cards_per_shop=limits.guest_cards_per_shop,
            now=now,
        )
        self.large_sets = LargeSets(store.reader)
        self._terms = WriteTerms(now, limits.writes, facts, wallet)
        self._own_writes = OwnWrites(self._terms, limits.facts_timeout_s)
        self._upload_tokens = upload_tokens
        self._is_disk_low = is_disk_low
        self._events = EventLog()
        self._connections: set[Connection] = set()
        self._closing: tuple[int, str] | None = None

    def follow_checkout(self, follower: CheckoutFollower) -> None:
        """Tell somebody, from now on, what becomes of payment requests in all shops."""
        self.shops.follower = follower

    # -- connections

    @property
    def connections(self) -> frozenset[Connection]:
        """Return the connections of all open sessions."""
        return frozenset(self._connections)

    @property
    def session_count(self) -> int:
        """Count the open sessions."""
        return len(self._connections)

    def connect(self) -> Connection:
        """Make the connection of a client that has just come."""
        connection = Connection(
            self,
            self.limits.connection,
            self.memory,
            clock=asyncio.get_running_loop().time,
            meters=self.meters,
        )
        self._connections.add(connection)
        if self._closing is not None:
            # Its handshake was under way when the relay began to stop.
            connection.close(*self._closing)
        return connection

    def release(self, connection: Connection) -> None:
        """Forget a connection that ended; its card is free."""
        self._connections.discard(connection)
        card = connection.session.card
        if card is not None and self.live_cards.release(card, connection):
            hosted = self.shops.by_row(card.shop)
            if hosted is not None:
                hosted.turns.drop(card.row_id)

    def close_connections(self, code: int, reason: str) -> None:
        """End all sessions, for instance because the relay stops."""
        for connection in list(self._connections):
            connection.close(code, reason)
        self._events.tell_refused()

    # -- key cards

    async def find_card(self, public_key: bytes) -> KeyCard | None:
        """Look a key card up. Raises StoreError."""
        return await self.cards.find(public_key)

    async def admit(self, enrolment: Enrolment) -> None:
        """Enrol a key card; see `CardRegister.enrol`."""
        await self.cards.enrol(enrolment)

    # -- shops

    async def is_served(self, shop_id: int) -> bool:
        """Return whether this relay has the shop already. Raises StoreError."""
        return await self.shops.find(shop_id) is not None

    async def log_length(self, shop_id: int) -> int:
        """Count the durable sets in a shop's log, 0 if it is not served here. Raises StoreError."""
        hosted = await self.shops.find(shop_id)
        if hosted is None:
            return 0
        return count_sets(hosted.feed.seq, await self.store.reader.gaps(hosted.row.row_id))

    def write_settled(self, card: KeyCard, outcome: Outcome) -> None:
        """Log what became of a write."""
        hosted = self.shops.by_row(card.shop)
        if hosted is not None:
            self._events.write_settled(hosted.row.shop_id, outcome)

    def session_ended(self, hang_up: HangUp) -> None:
        """Log how the relay ended a session."""
        self.meters.ended[hang_up.code] += 1
        self._events.session_ended(hang_up)

    async def drain(self, timeout_s: float) -> None:
        """Take nothing more from sessions; wait until all that was taken is answered, but not for long."""
        for connection in self._connections:
            connection.rest()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for hosted in self.shops:
                    await hosted.wait_idle()

    async def stop(self, code: int, reason: str, *, drain_timeout_s: float) -> None:
        """Drain, then end all sessions; those that come from now on end at once."""
        self._closing = code, reason
        await self.drain(drain_timeout_s)
        self.close_connections(code, reason)

    def write(self, request: WriteRequest) -> None:
        """Hand a write to the sequencer of its shop, unless the disk has no room for it."""
        if self._is_disk_low():
            request.settle(invalid(str(StorageFull())))
            return
        hosted = self.shops.by_row(request.card.shop)
        if hosted is None:
            raise RuntimeError("a session's shop is opened when its card is claimed")
        hosted.turns.submit(ClientWrite(request, self._terms, hosted.turns))

    async def account(self, shop_id: int, wallet: bytes) -> bytes | None:
        """Return a wallet's account in its canonical form, as it is durable; None if there is none.

        Raises StoreError, Refusal NOT_FOUND for a shop that is not served here.
        """
        hosted = await self._served(shop_id)
        return await hosted.sequencer.consult(lambda head: head.state.get(ObjectType.ACCOUNT, wallet))

    async def root_hash(self, shop_id: int) -> tuple[int, bytes]:
        """Return the number of a shop's last set and the root hash behind it, 32 bytes, both durable.

        Raises StoreError, Refusal NOT_FOUND for a shop that is not served here.
        """
        hosted = await self._served(shop_id)
        return await hosted.sequencer.consult(lambda head: (head.seq, head.state.root_hash))

    async def write_own(self, shop_id: int, decide: Decide) -> OwnSets | None:
        """Write sets of the relay's own to a shop; return what was written, when it is durable.

        decide: says what, on the shop's head when the turn comes; see `own_write`. Raises Refusal NOT_FOUND
        for a shop that is not served here, and as `OwnWrites.write`.
        """
        hosted = await self._served(shop_id)
        return await self._own_writes.write(hosted.sequencer, decide)

    async def _served(self, shop_id: int) -> HostedShop:
        hosted = await self.shops.find(shop_id)
        if hosted is None:
            raise not_found(f"this relay has no shop {show_shop(shop_id)}")
        return hosted

    def name_upload_url(self, card: KeyCard) -> str:
        """Name a URL to upload a file to, for the card's shop. Raises Refusal for too many unused ones."""
        return self._upload_tokens.issue_url(card.row_id, card.shop)

    async def subscribe(self, effect: Subscribe, connection: Connection) -> Subscription:
        """Make a subscription, not started. Raises Refusal, StoreError."""
        request, card = effect.request, effect.card
        if len(request.shop_id) > UINT256_BYTES:
            raise invalid(f"a shop id has at most {UINT256_BYTES} bytes, not {len(request.shop_id)}")
        shop_id = int.from_bytes(request.shop_id, "big")
        hosted = await self._served(shop_id)
        # Filters are checked before the position.
        view = await _view(hosted, card, request.filters)
        await self._check_start(hosted, request.start_shop_seq_no)
        return Subscription(
            view,
            request.start_shop_seq_no,
            feed=hosted.feed,
            reader=self.store.reader,
            large_sets=self.large_sets,
            outlet=connection,
        )

    async def _check_start(self, hosted: HostedShop, seq: int) -> None:
        """Make sure that a subscription can begin behind this number. Raises Refusal, StoreError."""
        if seq and gap_around(seq, await self.store.reader.gaps(hosted.row.row_id)):
            raise not_found(RESTORED)
        if seq > hosted.feed.seq:
            raise not_found(f"the log of this shop ends at {hosted.feed.seq}")


async def _view(hosted: HostedShop, card: KeyCard | None, filters: Sequence[Filter]) -> View:
    role = role_in(hosted, card)
    card_row = card.row_id if card else NOBODY
    if role is Role.GUEST and any(wanted.object_id is not None for wanted in filters):
        # Whether a single order is the guest's own, the head knows.
        return await hosted.sequencer.consult(
            lambda head: make_view(role, card_row, filters, head.owners.get)
        )
    return make_view(role, card_row, filters, lambda _: None)


def role_in(hosted: HostedShop, card: KeyCard | None) -> Role:
    """Return the role of a session in a shop: a visitor in every shop but its card's own."""
    if card is None or card.shop != hosted.row.row_id:
        return Role.VISITOR
    return Role.GUEST if card.is_guest else Role.CLERK
