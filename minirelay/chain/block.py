"""A block's header, as far as anything is decided by it (spec 07 "Watching by polling")."""

from typing import Final

import msgspec

from minirelay.errors import MalformedInput
from minirelay.protocol.block_id import BlockId, read_block_id
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.json_rpc import read_data, read_quantity

MOST_AHEAD_S: Final = 366 * 86_400
"""A block further ahead of the relay's clock is none; a relay may start before its clock is set."""

MOST: Final = 2**40
"""More blocks, and more seconds, than any chain will have."""


class Block(msgspec.Struct, frozen=True, gc=False):
    """One block, of one fork. hash, parent: 32 bytes each. timestamp: epoch seconds."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int

    @property
    def id(self) -> BlockId:
        """Return what names it in questions."""
        return BlockId(self.number, self.hash)


def read_block(header: object, latest: int = MOST) -> Block:
    """Read a block as `eth_getBlockByNumber` gives it. latest: the last second that it may be of.

    Raises MalformedInput, also for None, which nodes answer where they don't have the block.
    """
    if not isinstance(header, dict):
        raise MalformedInput("not a block")
    named = read_block_id(header)
    parent, timestamp = read_data(header.get("parentHash")), read_quantity(header.get("timestamp"))
    if len(parent) != HASH_BYTES:
        raise MalformedInput("not a block's parent")
    if named.number > MOST or timestamp > min(latest, MOST):
        raise MalformedInput("a block of a far future")
    return Block(named.number, named.hash, parent, timestamp)


def read_block_if_there(header: object, latest: int = MOST) -> Block | None:
    """Read such a block; None where the node doesn't have it. Raises MalformedInput."""
    return None if header is None else read_block(header, latest)
