"""What the database remembers of the relay's token: which one it is, who owned it, what mints it."""

from typing import Final, Protocol

from minirelay.chain.sending import Sent
from minirelay.protocol.ids import UINT256_BYTES

OWNED_KEY: Final = "relay_token"
MINTING_KEY: Final = "relay_token_minting"
OWNER_KEY: Final = "relay_token_owner"
"""Holds a token's id and the address that was last seen to own it: 32 and 20 bytes."""

SENT_KEY: Final = "relay_token_sent"
"""Holds the transaction that was to mint a token: while it waits, there must be no other beside it."""


class Memory(Protocol):
    """The few things that the database remembers for the relay itself."""

    async def get_meta(self, key: str) -> bytes | None:
        """Return what was remembered, None if nothing."""

    async def put_meta(self, key: str, value: bytes) -> None:
        """Remember, durably."""


class TokenMemory:
    """Reads and writes it. Each method returns None where nothing is remembered."""

    def __init__(self, memory: Memory) -> None:
        """memory: of the relay itself."""
        self._memory = memory

    async def owned(self) -> int | None:
        """Return the id of the relay's token."""
        return await self._id(OWNED_KEY)

    async def set_owned(self, token_id: int) -> None:
        """Remember the relay's token."""
        await self._memory.put_meta(OWNED_KEY, _encode(token_id))

    async def minting(self) -> int | None:
        """Return the id of the token that was last to be minted, whether or not it was."""
        return await self._id(MINTING_KEY)

    async def set_minting(self, token_id: int) -> None:
        """Remember the token that is going to be minted."""
        await self._memory.put_meta(MINTING_KEY, _encode(token_id))

    async def last_owner(self, token_id: int) -> bytes | None:
        """Return the address, 20 bytes, that was last seen to own this token."""
        value = await self._memory.get_meta(OWNER_KEY) or b""
        return value[UINT256_BYTES:] if value[:UINT256_BYTES] == _encode(token_id) else None

    async def set_last_owner(self, token_id: int, owner: bytes) -> None:
        """Remember who owns a token. owner: 20 bytes."""
        await self._memory.put_meta(OWNER_KEY, _encode(token_id) + owner)

    async def sent(self) -> Sent | None:
        """Return the transaction that was last sent to mint a token."""
        data = await self._memory.get_meta(SENT_KEY)
        return None if data is None else Sent.decode(data)

    async def set_sent(self, sent: Sent) -> None:
        """Remember a transaction that mints a token."""
        await self._memory.put_meta(SENT_KEY, sent.encode())

    async def _id(self, key: str) -> int | None:
        value = await self._memory.get_meta(key)
        return None if value is None else int.from_bytes(value)


def _encode(token_id: int) -> bytes:
    return token_id.to_bytes(UINT256_BYTES)
