"""Subscriptions, as a program sees them: asynchronous iterators over a shop's log (spec 05)."""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from minirelay.client.completeness import Completeness
from minirelay.client.errors import VerificationFailed
from minirelay.client.position import Position
from minirelay.client.received import ReceivedSet, open_received
from minirelay.client.set_stream import SetStream
from minirelay.client.signer_check import SignerCheck
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.shop.visibility import view_of


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
        """Give how far this subscription has come: where another one can go on."""
        return self._stream.position

    @property
    def unpushed(self) -> int | None:
        """Give how many patches are still to come, by the relay's last sync status; None before the first."""
        return self._stream.unpushed

    async def cancel(self) -> None:
        """End the subscription. Iterating over it ends, too."""
        await self._stream.cancel()


class UnverifiedSubscription(_Stream, AsyncIterator[SequencedPartialPatchSet]):
    """Pushed sets as the relay sent them: nothing is proved. Made by `RelayClient.subscribe_unverified`."""

    async def __anext__(self) -> SequencedPartialPatchSet:
        """Give the next set. Raises as `Subscription` does, for what concerns the connection."""
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
        """Say whether each signer is held against the accounts and the registry, or only recovered."""
        return self._signers is not None

    @property
    def sees_everything(self) -> bool:
        """Say whether the accounts, so far, name the client's own card as a clerk's, who sees it all."""
        if self._key_card is None or self._signers is None or not self._stream.sees_as_member:
            return False
        role = self._signers.role_of_key_card(self._key_card)
        return role is not None and view_of(role).sees_everything

    async def caught_up(self) -> None:
        """Wait until all is handed out that was in the log when the relay last counted.

        Somebody else has to iterate meanwhile. Never returns with a relay that sends no sync status.
        """
        await self._stream.caught_up.wait()

    async def __anext__(self) -> ReceivedSet:
        """Give the next set, or part of a set."""
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
