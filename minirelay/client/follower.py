"""Following a whole shop: a local state that keeps up with the relay's."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, Self, TypeVar

from minirelay.client.answered_roots import AnsweredRoots
from minirelay.client.errors import ClientError, ConnectionLost, VerificationFailed
from minirelay.client.received import Completeness, Position, ReceivedSet
from minirelay.client.replica import Checkpoint, Replica
from minirelay.client.subscription import Subscription
from minirelay.protocol.objects import ObjectType
from minirelay.shop import canonical
from minirelay.shop.access import Role
from minirelay.shop.objects import Account, Listing, Manifest, Order, Tag
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import MANIFEST_KEY, ShopState, id_key, inventory_key, tag_key

T = TypeVar("T")

Condition = Callable[["Follower"], bool]
RECENT_STATES: Final = 256
FAR_BEHIND: Final = 1024
"""With so many patches still to come, no caller needs what is applied now: it is not settled set by set."""

OnApplied = Callable[["Follower", ReceivedSet], None]


class Follower:
    """The state of a shop as this client sees it, kept up to date by a task. See `RelayClient.follow`.

    A clerk sees everything, so the state is the relay's own and has its `root_hash`. Guests and visitors
    have what is public, and their own orders; that has no root hash. When following fails, every method
    that waits raises why, and so does leaving the `async with` block; the state stays what it was.
    """

    def __init__(
        self,
        subscription: Subscription,
        completeness: Completeness,
        checkpoint: Checkpoint,
        on_applied: OnApplied | None = None,
        key_card: bytes | None = None,
    ) -> None:
        """subscription: unfiltered, from the checkpoint's position. completeness: the subscription's.

        key_card: the client's own public key.
        """
        self._subscription = subscription
        self._completeness = completeness
        self._shop_id = checkpoint.shop_id
        self._reached = completeness.position, completeness.is_whole, completeness.first_gap is None
        self._replica = Replica(checkpoint.state)
        self._waiting: list[tuple[Condition, asyncio.Future[None]]] = []
        self._recent: deque[ShopState] = deque(maxlen=RECENT_STATES)
        self._on_applied = on_applied
        self._key_card = key_card
        self._answered_roots = AnsweredRoots()
        self._failure: Exception | None = None
        self._task = asyncio.create_task(self._follow())

    async def __aenter__(self) -> Self:
        """Return this follower."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop following. Raises why it failed, if it did and nothing else is being raised."""
        await self.close()
        if self._failure is not None and error is None:
            raise self._failure

    # -- how far

    @property
    def position(self) -> Position:
        """Return how far the log was applied."""
        return self._reached[0]

    @property
    def seq(self) -> int:
        """Return the number of the last set of which something was applied; 0 before the first."""
        return self.position.seq

    @property
    def unpushed(self) -> int | None:
        """Return how many patches are still to come, by the last sync status; None before the first."""
        return self._subscription.unpushed

    @property
    def is_complete(self) -> bool:
        """Return whether nothing was withheld so far."""
        return self._reached[2]

    @property
    def failure(self) -> Exception | None:
        """Return why following ended, if it failed."""
        return self._failure

    # -- the state

    @property
    def state(self) -> ShopState:
        """Return the state as of now: immutable, good for keeping."""
        return self._replica.state

    @property
    def root_hash(self) -> bytes | None:
        """Return the state's root hash, 32 bytes: the relay's own after the set `seq`.

        None where this client can't know it: something was withheld from it, or the last set is not all
        there yet.
        """
        return self.state.root_hash if self._reached[1] else None

    def manifest(self) -> Manifest | None:
        """Return the manifest."""
        return self._load(Manifest, ObjectType.MANIFEST, MANIFEST_KEY)

    def account(self, address: bytes) -> Account | None:
        """Return the account of a wallet. address: 20 bytes; the zero address for all guests."""
        return self._load(Account, ObjectType.ACCOUNT, address)

    def listing(self, listing_id: int) -> Listing | None:
        """Return a listing."""
        return self._load(Listing, ObjectType.LISTING, id_key(listing_id))

    def tag(self, name: str) -> Tag | None:
        """Return a tag."""
        return self._load(Tag, ObjectType.TAG, tag_key(name))

    def order(self, order_id: int) -> Order | None:
        """Return an order."""
        return self._load(Order, ObjectType.ORDER, id_key(order_id))

    def orders(self, *states: OrderState) -> Iterator[tuple[int, Order]]:
        """Go through the orders in these states, or through all, with their ids: as of now.

        A clerk's follower has those of all customers. Each is decoded as it comes, some 20 µs.
        """
        for key, data in self.state.orders.items():
            order = canonical.load(Order, data)
            if not states or order.state in states:
                yield int.from_bytes(key), order

    def stock(self, listing_id: int, variations: Iterable[str] = ()) -> int | None:
        """Return the stock of a listing, or of one combination of its variations."""
        return self._load(int, ObjectType.INVENTORY, inventory_key(listing_id, variations))

    def checkpoint(self) -> Checkpoint:
        """Return what `RelayClient.follow` needs to go on from here, in this program or a later one."""
        return Checkpoint(self._shop_id, self.position, self.is_complete, self.state)

    # -- waiting

    async def wait_until(self, seq: int) -> None:
        """Wait until this set is applied: all that is visible of it."""
        await self.wait_for(lambda follower: follower._has_reached(seq))

    async def wait_for_root(self, root_hash: bytes) -> None:
        """Wait until the state has this root hash, as a write answers with one; or it had it lately.

        For clerks. The write's own set may be applied here before its answer is, and others behind it: the
        last 256 roots are looked through. One that is longer past is waited for in vain.
        """
        self._check()
        if not any(state.root_hash == root_hash for state in self._recent):
            await self.wait_for(lambda follower: follower.root_hash == root_hash)

    async def wait_for(self, condition: Condition) -> None:
        """Wait until something holds. condition: asked now and after every set."""
        self._check()
        if condition(self):
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((condition, reached))
        await reached

    async def caught_up(self) -> None:
        """Wait until all is applied that was in the log when the relay last counted (its sync status)."""
        self._check()
        caught_up = asyncio.create_task(self._subscription.caught_up())
        try:
            await asyncio.wait([caught_up, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            caught_up.cancel()
        if self._subscription.unpushed != 0:
            self._check()

    async def run(self) -> None:
        """Wait until following ends: returns when it was closed, raises why it failed."""
        await asyncio.wait([self._task])
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Stop following. The state stays."""
        self._task.cancel()
        # Not awaited itself: that the caller is cancelled meanwhile would look the same.
        await asyncio.wait([self._task])
        await self._subscription.cancel()

    # -- the client's own writes

    def write_sent(self, nonce: int) -> None:
        """Take note of a write of this client's that leaves now."""
        self._answered_roots.sent(nonce)

    def write_settled(self, nonce: int, root_hash: bytes | None) -> None:
        """Take note of a write's answer, None if it was refused or won't come.

        Where it is not the root that this follower has, and can't be any more, following fails.
        """
        if root_hash is None:
            self._answered_roots.unanswered(nonce)
            return
        try:
            self._answered_roots.answered(nonce, root_hash)
        except VerificationFailed as failure:
            if self._failure is None and not self._task.done():
                self._failure = failure
                self._task.cancel()

    # -- inside

    async def _follow(self) -> None:
        try:
            async for received in self._subscription:
                self._replica.apply(received)
                seen = self._completeness
                self._reached = seen.position, seen.is_whole, seen.first_gap is None
                if seen.is_whole:
                    self._compare_root(received)
                if seen.is_whole and (self.unpushed or 0) < FAR_BEHIND:
                    self._recent.append(self._replica.state)
                if self._on_applied is not None:
                    self._on_applied(self, received)
                self._wake()
        except Exception as failure:  # noqa: BLE001  (raised to whoever waits, or leaves the block)
            self._failure = failure
        finally:
            for _, reached in self._waiting:
                if not reached.done():
                    reached.set_exception(self._failure or ConnectionLost("the follower was closed"))
            self._waiting.clear()

    def _compare_root(self, received: ReceivedSet) -> None:
        if received.signer == self._key_card:
            nonce = received.header.key_card_nonce
            self._answered_roots.applied_own(received.seq, nonce, lambda: self.root_hash)
        elif received.signed_as is Role.RELAY:
            self._answered_roots.applied_relays(lambda: self.root_hash)
        else:
            self._answered_roots.applied_another()

    def _wake(self) -> None:
        if not self._waiting:
            return
        still: list[tuple[Condition, asyncio.Future[None]]] = []
        for condition, reached in self._waiting:
            if reached.done():
                continue  # whoever waited was cancelled
            try:
                holds = condition(self)
            except Exception as error:  # noqa: BLE001  (the waiter's own; it must not end the following)
                reached.set_exception(error)
                continue
            if holds:
                reached.set_result(None)
            else:
                still.append((condition, reached))
        self._waiting = still

    def _has_reached(self, seq: int) -> bool:
        if self.seq != seq:
            return self.seq > seq
        return self.position.leaf is None or not self._subscription.sees_everything

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._task.done():
            raise ClientError("this follower was closed")

    def _load(self, kind: type[T], object_type: ObjectType, key: bytes) -> T | None:
        data = self.state.get(object_type, key)
        return None if data is None else canonical.load(kind, data)
