"""The subscriptions of one session: their ids, how many there may be, and what they count for in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from minirelay.errors import invalid, not_found
from minirelay.protocol.envelope import SubscriptionRequest
from minirelay.protocol.ids import SUBSCRIPTION_ID_BYTES
from minirelay.relay.filter_quota import FilterLimits, FilterQuota
from minirelay.relay.memory_budget import Account
from minirelay.relay.subscription import Subscription

SUBSCRIPTION_BYTES = 2048
FILTER_BYTES = 256
"""What a subscription and each of its filters cost in memory, roughly, beside the filters' ids."""

MAX_ID = 0xFFFF


@dataclass(frozen=True, slots=True)
class Prepared:
    """A subscription that has no id yet. filter_bytes: what it takes of the quota, given back in the end."""

    subscription: Subscription
    unpushed_patches: int
    filter_bytes: int
    held_bytes: int


class SessionSubscriptions:
    """What one session is subscribed to."""

    def __init__(self, most: int, filters: FilterLimits, account: Account, *, last_id: int = 0) -> None:
        """most: subscriptions at a time. account: of the session. last_id: the number before the first id."""
        self.filters = FilterQuota(filters)
        self._most = most
        self._account = account
        self._held: dict[bytes, Prepared] = {}
        self._preparing = 0
        self._last_id = last_id

    def __len__(self) -> int:
        return len(self._held)

    @property
    def reading(self) -> int:
        """Count those that read the log: they are not live."""
        return sum(held.subscription.is_reading for held in self._held.values())

    async def prepare(
        self, request: SubscriptionRequest, subscribe: Callable[[], Awaitable[Subscription]]
    ) -> Prepared:
        """Make a subscription and count what it has to get; nothing is held if that fails.

        subscribe: makes it, not started. Raises Refusal INVALID, and what `subscribe` raises.
        """
        if len(self._held) + self._preparing >= self._most:
            raise invalid(f"a session may hold {self._most} subscriptions; cancel one")
        filter_bytes = self.filters.take(request.filters)
        self._preparing += 1
        try:
            subscription = await subscribe()
            unpushed = await subscription.count_unpushed()
        except BaseException:
            self.filters.give_back(filter_bytes)
            raise
        finally:
            self._preparing -= 1
        return Prepared(subscription, unpushed, filter_bytes, size_of(request))

    def add(self, prepared: Prepared) -> bytes:
        """Hold a subscription and return its id, 2 bytes; it is for the caller to start it."""
        subscription_id = prepared.subscription.subscription_id = self._free_id()
        self._held[subscription_id] = prepared
        self._account.hold(prepared.held_bytes)
        return subscription_id

    def discard(self, prepared: Prepared) -> None:
        """Give back what a subscription takes that is not wanted any more, before it was added."""
        self.filters.give_back(prepared.filter_bytes)

    def drop(self, subscription_id: bytes) -> bool:
        """End a subscription at once. Return whether there was one with this id."""
        dropped = self._held.pop(subscription_id, None)
        if dropped is None:
            return False
        dropped.subscription.close()
        self._account.hold(-dropped.held_bytes)
        self.filters.give_back(dropped.filter_bytes)
        return True

    def cancel(self, subscription_id: bytes) -> None:
        """End a subscription because the client asks for it. Raises Refusal: there is none with this id."""
        if len(subscription_id) != SUBSCRIPTION_ID_BYTES:
            length = len(subscription_id)
            raise invalid(f"a subscription id has {SUBSCRIPTION_ID_BYTES} bytes, not {length}")
        if not self.drop(subscription_id):
            raise not_found("this session has no subscription with this id")

    def drop_all(self) -> None:
        """End all subscriptions at once."""
        for subscription_id in tuple(self._held):
            self.drop(subscription_id)

    def echo(self, shop: int) -> None:
        """Send what this session just wrote to a shop (row id) to those that follow it live."""
        for held in tuple(self._held.values()):
            held.subscription.echo(shop)

    def _free_id(self) -> bytes:
        # Ids are used again when all have been used: those that are held are few.
        while True:
            self._last_id = self._last_id % MAX_ID + 1
            subscription_id = self._last_id.to_bytes(SUBSCRIPTION_ID_BYTES)
            if subscription_id not in self._held:
                return subscription_id


def size_of(request: SubscriptionRequest) -> int:
    """Estimate what a subscription costs in memory, in bytes."""
    return SUBSCRIPTION_BYTES + sum(FILTER_BYTES + 2 * len(one.object_id or b"") for one in request.filters)
