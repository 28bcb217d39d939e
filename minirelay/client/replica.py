"""A local copy of a shop: made of received patches by the relay's own rules, and kept for later."""

from dataclasses import dataclass, field

import msgspec

from minirelay.client.errors import VerificationFailed
from minirelay.client.received import BEGINNING, Position, ReceivedSet
from minirelay.errors import MalformedInput, Refusal
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.shop.access import Role
from minirelay.shop.ownership import RELAY_ITSELF, Author
from minirelay.shop.patch_application import PatchApplication
from minirelay.shop.state import ShopState


class _Saved(msgspec.Struct, frozen=True):
    version: int
    shop_id: bytes
    seq: int
    leaf: int | None
    is_complete: bool
    root_hash: bytes
    objects: list[tuple[ObjectType, bytes, bytes]]


_VERSION = 1
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A shop's state as it was followed up to a position. is_complete: nothing of the log was withheld.

    Who can change the bytes of one can change what a follower believes: keep them as you would the
    program.
    """

    shop_id: int
    position: Position = BEGINNING
    is_complete: bool = True
    state: ShopState = field(default_factory=ShopState)

    def to_bytes(self) -> bytes:
        """Encode it, to be kept."""
        return _ENCODER.encode(
            _Saved(
                _VERSION,
                self.shop_id.to_bytes(UINT256_BYTES),
                *self.position,
                self.is_complete,
                self.state.root_hash,
                list(self.state.objects()),
            )
        )

    @staticmethod
    def from_bytes(data: bytes) -> "Checkpoint":
        """Decode what `to_bytes` made. Raises MalformedInput: it is damaged, or from another version."""
        try:
            saved = _DECODER.decode(data)
        except msgspec.MsgspecError as error:
            raise MalformedInput(f"not a checkpoint: {error}") from error
        if saved.version != _VERSION:
            raise MalformedInput(f"a checkpoint of version {saved.version}, which is not known here")
        state = ShopState.from_objects(saved.objects)
        if state.root_hash != saved.root_hash:
            raise MalformedInput("the checkpoint is damaged: its root hash is another one")
        shop_id = int.from_bytes(saved.shop_id)
        return Checkpoint(shop_id, Position(saved.seq, saved.leaf), saved.is_complete, state)


MOST_UNSETTLED = 64
"""So many sets share a draft: an object that all of them change is encoded once."""


class Replica:
    """Patches in, state out. No I/O.

    Where it was checked who signed a set, the signer must have been allowed to write it. Who created an order
    is not kept with a state: a replica that begins with orders can't tell guests apart.
    """

    def __init__(self, state: ShopState | None = None) -> None:
        """state: to begin from; None: a shop without anything."""
        self._state = ShopState() if state is None else state
        self._owners: dict[bytes, int] | None = None if self._state.orders else {}
        self._numbers: dict[bytes, int] = {}
        self._application = PatchApplication(self._state, self._owners)
        self._unsettled: list[ReceivedSet] = []

    def apply(self, received: ReceivedSet) -> None:
        """Apply a set, or a part of one.

        Raises VerificationFailed if the rules don't allow it; the state stays what it was.
        """
        try:
            self._apply(received)
        except Refusal as refusal:
            # What was begun is worth nothing any more. What came before went through once, so it does again.
            self._application = PatchApplication(self._state, self._owners)
            for earlier in self._unsettled:
                self._apply(earlier)
            raise VerificationFailed(received.seq, f"it breaks the rules: {refusal.message}") from refusal
        self._unsettled.append(received)
        if len(self._unsettled) >= MOST_UNSETTLED:
            self._settle()

    @property
    def state(self) -> ShopState:
        """Return the state after all that was applied."""
        if self._unsettled:
            self._settle()
        return self._state

    def _apply(self, received: ReceivedSet) -> None:
        self._application.apply(self._author(received), received.patches)

    def _author(self, received: ReceivedSet) -> Author | None:
        role = received.signed_as
        if role is None or role is Role.RELAY:
            return None if role is None else RELAY_ITSELF
        # Guests are told apart by numbers of this replica's own.
        return Author(role, self._numbers.setdefault(received.signer, len(self._numbers) + 1))

    def _settle(self) -> None:
        applied = self._application.finish()
        self._state = applied.state
        if self._owners is not None:
            self._owners.update(applied.owners)
        self._application = PatchApplication(self._state, self._owners)
        self._unsettled.clear()
