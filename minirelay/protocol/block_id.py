"""Which block is asked about: by its hash, or where an endpoint can't do that by number and its header."""

from dataclasses import dataclass

from minirelay.errors import MalformedInput
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.json_rpc import read_data, read_quantity, write_data


@dataclass(frozen=True, slots=True)
class BlockId:
    """One block, of one fork. hash: 32 bytes."""

    number: int
    hash: bytes

    def by_hash(self) -> dict[str, object]:
        """Name it so that another fork can't answer (EIP-1898)."""
        return {"blockHash": write_data(self.hash), "requireCanonical": True}

    def by_number(self) -> str:
        """Name it by its number: whatever block has that, wherever it is asked."""
        return hex(self.number)


def read_block_id(header: object) -> BlockId:
    """Read number and hash of a block as `eth_getBlockByNumber` gives it. Raises MalformedInput."""
    if not isinstance(header, dict):
        raise MalformedInput("not a block")
    block = BlockId(read_quantity(header.get("number")), read_data(header.get("hash")))
    if len(block.hash) != HASH_BYTES:
        raise MalformedInput("not a block's hash")
    return block
