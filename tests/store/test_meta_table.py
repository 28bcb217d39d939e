"""What the database remembers for the relay itself."""

from pathlib import Path

from minirelay.store.database import Store
from minirelay.store.meta_table import MetaTable


async def test_a_value_is_there_after_a_restart(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        table = MetaTable(store)
        assert await table.get_meta("token") is None
        await table.put_meta("token", b"\0\1")
        await table.put_meta("token", b"\0\2")
    async with await Store.open(tmp_path) as store:
        assert await MetaTable(store).get_meta("token") == b"\0\2"
        assert await MetaTable(store).get_meta("other") is None
