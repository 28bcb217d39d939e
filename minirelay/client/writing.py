"""Writing patch sets: the nonces of a key card, signing, and telling followers what became of a write."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, Protocol
from weakref import WeakSet

from minirelay.client.connection import Connection
from minirelay.client.errors import ClientError, ConnectionLost, RelayRefused, WriteUnanswered
from minirelay.client.patches import is_partly_private
from minirelay.client.received import ReceivedSet
from minirelay.errors import Refusal
from minirelay.protocol.envelope import PatchSetWriteRequest
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.patch_set import NewPatch, decode_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey

MAX_NONCE: Final = 2**64 - 1


def microseconds() -> int:
    """Read the clock: microseconds since 1970."""
    return time.time_ns() // 1000


class Nonces:
    """Hands out nonces that were never used, without a memory on disk.

    A nonce is the present time in microseconds, or one more than the last if that is not greater: so a
    program that starts again goes on above what it used before, unless its clock went back or it wrote more
    than a million sets a second. Sets of the same key card that come by in a subscription are taken note of
    as well.
    """

    def __init__(self, first: int | None = None, clock: Callable[[], int] = microseconds) -> None:
        """first: start counting here, and leave the clock alone. clock: gives microseconds."""
        if first is not None and not 1 <= first <= MAX_NONCE:
            raise ValueError("a nonce is between 1 and 2^64-1")
        self._last = 0 if first is None else first - 1
        self._clock = clock if first is None else _no_clock

    @property
    def last(self) -> int:
        """Return the greatest nonce known to be used; 0 if there is none."""
        return self._last

    def next(self) -> int:
        """Return a nonce that was not used yet. Raises ValueError when there is none left."""
        nonce = max(self._last + 1, self._clock())
        if nonce > MAX_NONCE:
            raise ValueError("this key card has used up its nonces")
        self._last = nonce
        return nonce

    def observe(self, nonce: int) -> None:
        """Take note that a nonce was used, perhaps by an earlier run of the same program."""
        self._last = max(self._last, nonce)


def _no_clock() -> int:
    return 0


class WriteObserver(Protocol):
    """A follower, which compares what writes are answered with and what it follows."""

    def write_sent(self, nonce: int) -> None:
        """Take note of a write that leaves now."""

    def write_settled(self, nonce: int, root_hash: bytes | None) -> None:
        """Take note of its answer, None if it was refused or won't come."""


class SetWriter:
    """Signs and writes patch sets with one key card. What it raises, `RelayClient.write` tells."""

    def __init__(self, shop_id: int, key_card: PrivateKey | None, nonces: Nonces) -> None:
        """key_card: None for a visitor, who can't write."""
        self._nonces = nonces
        self._shop_id = shop_id
        self._key_card = key_card
        self._observers: WeakSet[WriteObserver] = WeakSet()

    def tell(self, observer: WriteObserver) -> None:
        """Tell an observer of all writes from now on, for as long as it lives."""
        self._observers.add(observer)

    def observe(self, received: ReceivedSet) -> None:
        """Take note of the nonce of a set that came by, if it is of this key card."""
        if self._key_card is not None and received.signer == self._key_card.public_key:
            self._nonces.observe(received.header.key_card_nonce)

    def seal(self, patches: Iterable[NewPatch], may_reveal: bool) -> bytes:
        """Make and sign a patch set, with the next nonce and the present time. Raises ClientError."""
        if self._key_card is None:
            raise ClientError("a visitor can't write: connect with a key card")
        listed = tuple(patches)
        if not may_reveal and is_partly_private(listed):
            raise ClientError(
                "stock or orders in one set with what everybody sees can be guessed from the proofs: "
                "write two sets, or say may_reveal=True"
            )
        return seal_patch_set(
            listed,
            shop_id=self._shop_id,
            key_card_nonce=self._nonces.next(),
            timestamp=datetime.now(UTC),
            key=self._key_card,
        )

    async def write(self, connection: Connection, make: Callable[[], bytes]) -> bytes:
        """Write a patch set. make: gives it, at the moment in which it leaves. Returns the root hash."""
        sent: list[bytes] = []
        observed = _ObservedWrite(self._observers)

        def request() -> PatchSetWriteRequest:
            sent.append(make())
            observed.sent(sent[0])
            return PatchSetWriteRequest(sent[0])

        try:
            root_hash = await connection.request(request)
            if len(root_hash) != HASH_BYTES:
                raise connection.hang_up("the relay answered a write with no root hash")
        except ConnectionLost as lost:
            observed.settled(None)
            if not sent:
                raise
            raise WriteUnanswered(sent[0], lost) from lost
        except RelayRefused:
            observed.settled(None)
            raise
        observed.settled(root_hash)
        return root_hash


class _ObservedWrite:
    """One write, as far as observers are told of it."""

    def __init__(self, observers: Iterable[WriteObserver]) -> None:
        self._observers = tuple(observers)
        self._nonce: int | None = None

    def sent(self, patch_set: bytes) -> None:
        if not self._observers:
            return
        try:
            self._nonce = decode_patch_set(patch_set).header.key_card_nonce
        except Refusal:
            return  # what can't be read will be refused
        for observer in self._observers:
            observer.write_sent(self._nonce)

    def settled(self, root_hash: bytes | None) -> None:
        if self._nonce is None:
            return
        for observer in self._observers:
            observer.write_settled(self._nonce, root_hash)
