"""Subscriptions, as a program sees them: asynchronous iterators over a shop's log (spec 05)."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from minirelay.client.errors import ClientError, VerificationFailed
from minirelay.client.received import BEGINNING, Completeness, Position, ReceivedSet, open_received
from minirelay.client.set_stream import Link, SetStream, StreamOptions
from minirelay.client.signer_check import KeyCards, RelaySigners, SignerCheck
from minirelay.protocol.envelope import Filter
from minirelay.protocol.ids import OBJECT_ID_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.shop.state import ShopState
from minirelay.shop.visibility import view_of


def select(object_type: ObjectType, object_id: int | str | bytes | None = None) -> Filter:
    """Select all objects of a type, or one.

    object_id: the number of a listing, an order or (inventory) a listing; the name of a tag; the 20 bytes
    of an account's address. Raises ValueError if it is not of that kind.
    """
    if object_id is None:
        return Filter(object_type)
    match object_type, object_id:
        case ((ObjectType.LISTING | ObjectType.ORDER | ObjectType.INVENTORY), int()):
            return Filter(object_type, object_id.to_bytes(OBJECT_ID_BYTES))
        case ObjectType.TAG, str():
            return Filter(object_type, object_id.encode())
        case ObjectType.ACCOUNT, bytes():
            return Filter(object_type, object_id)
    raise ValueError(f"{object_id!r} names no {object_type.name.lower()}")


class _Stream:
    """What both kinds of subscription share."""

    def __init__(self, stream: SetStream) -> None:
        self._stream = stream

    async def __aenter__(self) -> Self:
        """Subscribe at once, so that a refusal is raised here."""
        await self._stream.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel the subscription."""
        await self.cancel()

    @property
    def position(self) -> Position:
        """Return how far this subscription has come: where another one can go on."""
        return self._stream.position

    @property
    def unpushed(self) -> int | None:
        """Return how many patches are still to come, by the last sync status; None before the first."""
        return self._stream.unpushed

    async def cancel(self) -> None:
        """End the subscription. Iterating over it ends, too."""
        await self._stream.cancel()


class UnverifiedSubscription(_Stream, AsyncIterator[SequencedPartialPatchSet]):
    """Pushed sets as the relay sent them: nothing is proved. Made by `RelayClient.subscribe_unverified`."""

    async def __anext__(self) -> SequencedPartialPatchSet:
        """Return the next set. Raises as `Subscription` does, for what concerns the connection."""
        pushed = await self._stream.peek()
        if pushed is None:
            raise StopAsyncIteration
        self._stream.take()
        return pushed


class Subscription(_Stream, AsyncIterator[ReceivedSet]):
    """Verified sets, in the order of the log, each patch once. Made by `RelayClient.subscribe`; for one task.

    A set is acknowledged when it is handed out. A set of more than 900 KiB is handed out in several parts.
    Iterating raises VerificationFailed (for good: the relay has been told, and the subscription is over),
    ConnectionLost (unless it resumes), RelayRefused (asked again, the relay says no), RegistryUnavailable
    (go on iterating and the same set is judged anew).
    """

    def __init__(
        self,
        stream: SetStream,
        shop_id: int,
        *,
        signers: SignerCheck | None,
        completeness: Completeness | None,
        key_card: bytes | None,
        observe: Callable[[ReceivedSet], None],
    ) -> None:
        """signers: None if they are not checked. completeness: None if the subscription is filtered.

        key_card: the client's own. observe: is shown every set.
        """
        super().__init__(stream)
        self.completeness = completeness
        self._shop_id = shop_id
        self._signers = signers
        self._key_card = key_card
        self._observe = observe
        self._failure: VerificationFailed | None = None

    @property
    def checks_signers(self) -> bool:
        """Return whether each signer is held against the accounts and the registry, or only recovered."""
        return self._signers is not None

    @property
    def sees_everything(self) -> bool:
        """Return whether the accounts, so far, name the client's own card as a clerk's, who sees it all."""
        if self._key_card is None or self._signers is None or not self._stream.sees_as_member:
            return False
        role = self._signers.role_of_key_card(self._key_card)
        return role is not None and view_of(role).sees_everything

    async def caught_up(self) -> None:
        """Wait until all is handed out that was in the log when the relay last counted.

        Another task has to iterate meanwhile. Never returns with a relay that sends no sync status.
        """
        await self._stream.caught_up.wait()

    async def __anext__(self) -> ReceivedSet:
        """Return the next set, or part of a set."""
        if self._failure is not None:
            raise self._failure
        try:
            pushed = await self._stream.peek()
            if pushed is None:
                raise StopAsyncIteration
            received = await self._judge(open_received(pushed, self._shop_id))
        except VerificationFailed as failure:
            self._failure = failure
            self._stream.reject(failure.reason)
            raise
        self._stream.take()
        self._observe(received)
        return received

    async def _judge(self, received: ReceivedSet) -> ReceivedSet:
        role = None if self._signers is None else await self._signers.role_of(received)
        # From here on nothing waits: a set is counted once, however often its signer had to be asked for.
        if self.completeness is not None:
            self.completeness.add(received)
        if self._signers is not None:
            self._signers.follow(received)
        if self.completeness is not None and self.completeness.first_gap is not None and self.sees_everything:
            raise VerificationFailed(received.seq, f"the relay withholds {self.completeness.first_gap}")
        return received if role is None else received.with_role(role)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscriber:
    """Makes the subscriptions of one client. For what the arguments mean, see `RelayClient`.

    shop_id: the client's own, where no other is named. key_card: its public key, None for a visitor. observe:
    is shown every set.
    """

    link: Link
    shop_id: int
    key_card: bytes | None
    relay_signers: RelaySigners | None
    buffer_bytes: int
    observe: Callable[[ReceivedSet], None]

    def subscribe(
        self,
        start: int | Position,
        *,
        filters: tuple[Filter, ...],
        shop_id: int | None,
        resume: bool,
        check_signers: bool | None,
        known: ShopState | None,
    ) -> Subscription:
        """Make a subscription that verifies. Raises ClientError if signers are to be checked and can't be."""
        position = _position(start)
        can_check = _sees_all_accounts(filters) and (position == BEGINNING or known is not None)
        if check_signers and not can_check:
            raise ClientError(
                "signers can't be checked without the accounts in view, from 0 or a known state on"
            )
        return self._verified(
            self.stream(position, filters, shop_id, resume),
            self.shop_id if shop_id is None else shop_id,
            KeyCards(known) if (can_check if check_signers is None else check_signers) else None,
            None if filters else Completeness(position),
        )

    async def follow(
        self, start: Position, state: ShopState, completeness: Completeness, resume: bool
    ) -> Subscription:
        """Subscribe to all of the client's own shop. state: as of the start. Raises RelayRefused."""
        stream = self.stream(start, (), None, resume)
        subscription = self._verified(stream, self.shop_id, KeyCards(state), completeness)
        await stream.open()
        return subscription

    def stream(
        self, start: int | Position, filters: tuple[Filter, ...], shop_id: int | None, resume: bool
    ) -> SetStream:
        """Make a subscription of which nothing is verified."""
        shop = self.shop_id if shop_id is None else shop_id
        return SetStream(self.link, StreamOptions(shop, filters, resume, self.buffer_bytes), _position(start))

    def _verified(
        self, stream: SetStream, shop_id: int, key_cards: KeyCards | None, completeness: Completeness | None
    ) -> Subscription:
        signers = None
        if key_cards is not None:
            if self.relay_signers is None:
                raise ClientError(
                    "to check signers, say who the relay is (relay_signers=…) or choose check_signers=False"
                )
            signers = SignerCheck(shop_id, self.relay_signers, key_cards)
        return Subscription(
            stream,
            shop_id,
            signers=signers,
            completeness=completeness,
            key_card=self.key_card,
            observe=self.observe,
        )


def _position(start: int | Position) -> Position:
    return start if isinstance(start, Position) else Position(start)


def _sees_all_accounts(filters: tuple[Filter, ...]) -> bool:
    return not filters or any(
        one.object_type == ObjectType.ACCOUNT and one.object_id is None for one in filters
    )
