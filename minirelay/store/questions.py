"""What all questions have in common: the connections that they are asked through."""

from minirelay.store.pool import Queryable, ReadPool


class Questions:
    """Questions to the database; each answer is one short read transaction.

    All may raise StoreUnavailable and StoreClosed.
    """

    def __init__(self, pool: ReadPool, queried: Queryable | None = None) -> None:
        """pool: the connections to ask. queried: one of them, to ask only that."""
        self._connections = pool
        self._pool = pool if queried is None else queried
