"""What the database remembers of anchoring: how far each shop is, what is under way, what it has cost."""

from dataclasses import dataclass, field
from typing import Final, Self

from minirelay.chain.anchoring import Anchored, Spent
from minirelay.chain.sending import Sent, Signed
from minirelay.chain.token_memory import Memory
from minirelay.protocol.ids import UINT256_BYTES

STATE_KEY: Final = "anchoring"
"""Followed by a slash and a chain's id; holds what was spent, and the transaction that is under way."""

ANCHORED_KEY: Final = "anchored"
"""Followed by slashes and a chain's and a shop's id; holds how far the shop is anchored."""

_HASH_BYTES: Final = 32
_SENT_BYTES: Final = 5 * UINT256_BYTES + 20
_NUMBER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A root hash that was sent and may not be there yet.

    seq: of the set behind which the shop has the root hash, 32 bytes. at: epoch seconds, when it was sent.
    cost: at most, in wei.
    """

    shop_id: int
    seq: int
    root_hash: bytes
    at: int
    cost: int
    signed: Signed

    def encode(self) -> bytes:
        """Encode it for the database."""
        return b"".join(
            (
                self.shop_id.to_bytes(UINT256_BYTES),
                self.seq.to_bytes(_NUMBER_BYTES),
                self.root_hash,
                self.at.to_bytes(_NUMBER_BYTES),
                self.cost.to_bytes(UINT256_BYTES),
                self.signed.sent.encode(),
                self.signed.raw,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` made."""
        lengths = (UINT256_BYTES, _NUMBER_BYTES, _HASH_BYTES, _NUMBER_BYTES, UINT256_BYTES, _SENT_BYTES)
        parts: list[bytes] = []
        for length in lengths:
            parts.append(data[:length])
            data = data[length:]
        shop_id, seq, at, cost = (int.from_bytes(parts[place]) for place in (0, 1, 3, 4))
        return cls(shop_id, seq, parts[2], at, cost, Signed(Sent.decode(parts[5]), data))


@dataclass(frozen=True, slots=True)
class AnchorState:
    """What is written in one piece, before anything is sent."""

    spent: Spent = field(default_factory=Spent)
    under_way: UnderWay | None = None

    def encode(self) -> bytes:
        """Encode it for the database."""
        rest = b"" if self.under_way is None else self.under_way.encode()
        return self.spent.day.to_bytes(_NUMBER_BYTES) + self.spent.wei.to_bytes(UINT256_BYTES) + rest

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` made."""
        day, rest = data[:_NUMBER_BYTES], data[_NUMBER_BYTES:]
        wei, rest = rest[:UINT256_BYTES], rest[UINT256_BYTES:]
        spent = Spent(int.from_bytes(day), int.from_bytes(wei))
        return cls(spent, UnderWay.decode(rest) if rest else None)


class AnchorMemory:
    """Reads and writes it, for one chain; what was read once is kept."""

    def __init__(self, memory: Memory, chain_id: int) -> None:
        """memory: of the relay itself."""
        self._memory = memory
        self._chain_id = chain_id
        self._state: AnchorState | None = None
        self._anchored: dict[int, Anchored] = {}

    async def state(self) -> AnchorState:
        """Return what is under way, and what was spent."""
        if self._state is None:
            data = await self._memory.get_meta(self._state_key)
            self._state = AnchorState() if data is None else AnchorState.decode(data)
        return self._state

    async def set_state(self, state: AnchorState) -> None:
        """Remember it, durably."""
        await self._memory.put_meta(self._state_key, state.encode())
        self._state = state

    async def anchored(self, shop_id: int) -> Anchored:
        """Return how far a shop is anchored."""
        if shop_id not in self._anchored:
            data = await self._memory.get_meta(self._key_of(shop_id))
            self._anchored[shop_id] = (
                Anchored()
                if data is None
                else Anchored(int.from_bytes(data[:_NUMBER_BYTES]), int.from_bytes(data[_NUMBER_BYTES:]))
            )
        return self._anchored[shop_id]

    async def set_anchored(self, shop_id: int, anchored: Anchored) -> None:
        """Remember how far a shop is anchored."""
        data = anchored.seq.to_bytes(_NUMBER_BYTES) + anchored.at.to_bytes(_NUMBER_BYTES)
        await self._memory.put_meta(self._key_of(shop_id), data)
        self._anchored[shop_id] = anchored

    @property
    def _state_key(self) -> str:
        return f"{STATE_KEY}/{self._chain_id}"

    def _key_of(self, shop_id: int) -> str:
        return f"{ANCHORED_KEY}/{self._chain_id}/{shop_id:#x}"
