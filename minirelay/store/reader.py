"""Everything that can be asked of the database; each answer is one short read transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minirelay.store import shops
from minirelay.store.blob_questions import BlobQuestions
from minirelay.store.log_questions import LogQuestions
from minirelay.store.operator_questions import OperatorQuestions
from minirelay.store.payment_questions import PaymentQuestions
from minirelay.store.shop_questions import ShopQuestions


class Reader(ShopQuestions, LogQuestions, PaymentQuestions, BlobQuestions, OperatorQuestions):
    """Ask the database, about all that is in it. All may raise StoreUnavailable and StoreClosed."""

    @asynccontextmanager
    async def held(self) -> AsyncIterator["Reader"]:
        """Yield a reader for which the database does not change while the block runs.

        To be kept short, the write-ahead log grows meanwhile; and it takes one of a few connections.
        """
        async with self._connections.held() as queried:
            yield Reader(self._connections, queried)

    async def get_meta(self, key: str) -> bytes | None:
        """Look up what `Writer.put_meta` stored."""
        return await self._pool.run(lambda db: shops.get_meta(db, key))
