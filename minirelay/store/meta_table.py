"""The table `meta`: the few things that the database remembers for the relay itself, by key."""

from minirelay.store.database import Store


class MetaTable:
    """The rows of `meta` in one store."""

    def __init__(self, store: Store) -> None:
        """Read and write through this store."""
        self._store = store

    async def get_meta(self, key: str) -> bytes | None:
        """Return the value of a key, None if there is none. Raises StoreError."""
        return await self._store.reader.get_meta(key)

    async def put_meta(self, key: str, value: bytes) -> None:
        """Set the value of a key; done when it is durable. Raises StoreError."""
        await self._store.writer.put_meta(key, value)
