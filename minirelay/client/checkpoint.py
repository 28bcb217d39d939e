"""What a follower has to remember to go on later: a state and where in the log it belongs."""

from dataclasses import dataclass, field

import msgspec

from minirelay.client.position import BEGINNING, Position
from minirelay.errors import MalformedInput
from minirelay.protocol.objects import ObjectType
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

    Whoever can change the bytes of one can change what a follower believes: keep them as you would the
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
                self.shop_id.to_bytes(32),
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
