"""How far chains are read, kept in the store beside what is made of it."""

from collections.abc import Iterable, Sequence

from minirelay.chain.block import Block
from minirelay.chain.head_history import HeadHistory
from minirelay.chain.progress import Progress
from minirelay.store.batch import Writable
from minirelay.store.chain_rows import ChainRows
from minirelay.store.database import Store
from minirelay.store.messages import ChainHeadRow, ChainMark


class ChainMemory:
    """The progress of all chains in one store: the `Memory` of their pollers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, chain_id: int) -> Progress | None:
        """Return how far a chain was read; None if it never was. Raises StoreError."""
        stored = await self._store.reader.chain_progress(chain_id)
        if stored is None:
            return None
        blocks = tuple(Block(one.number, one.hash, one.parent, one.timestamp) for one in stored.heads)
        mark = stored.mark
        return Progress(HeadHistory(blocks), mark.scanned, mark.deep, mark.final, mark.final_time)

    async def save(
        self, chain_id: int, before: Progress | None, after: Progress, rows: Sequence[Writable]
    ) -> None:
        """Store progress and rows in one transaction; durable when it returns. Raises StoreError."""
        old = set() if before is None else set(before.history.blocks)
        new = set(after.history.blocks)
        mark = ChainMark(after.scanned, after.deep, after.final, after.final_time)
        forgotten = sorted(block.number for block in old - new)
        await self._store.writer.commit(
            ChainRows(chain_id, mark, _rows(new - old), tuple(forgotten), tuple(rows))
        )


def _rows(blocks: Iterable[Block]) -> tuple[ChainHeadRow, ...]:
    ordered = sorted(blocks, key=lambda block: block.number)
    return tuple(ChainHeadRow(one.number, one.hash, one.parent, one.timestamp) for one in ordered)
