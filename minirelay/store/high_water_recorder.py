"""Recording how far the database was, in the file beside it: now and then, and exactly in the end."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from minirelay.errors import StoreError
from minirelay.store.high_water import MAX_SHOPS, HighWater
from minirelay.store.reader import Reader

log = logging.getLogger(__name__)


class HighWaterRecorder:
    """Takes note of what became durable, and saves it at most once in an interval.

    What it has to do for a transaction is to enter a number for each shop in it. A file that can't be written
    is said once, and tried again.
    """

    def __init__(
        self,
        mark: HighWater,
        rows: Mapping[int, int],
        reader: Reader,
        save: Callable[[HighWater], None],
        interval_s: float,
    ) -> None:
        """mark: what is saved. rows: the row ids of its shops, by shop id. save: may raise OSError; is run in
        a thread. interval_s: what is saved may be so much older than what is durable, and a little more.
        """
        self._restored = mark.restored
        self._shop_ids = {row: shop_id for shop_id, row in rows.items()}
        self._ends = {rows[shop_id]: seq for shop_id, seq in mark.ends.items()}
        self._reader = reader
        self._save = save
        self._interval_s = interval_s
        self._is_changed = False
        self._is_failing = False
        self._timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None

    def note(self, ends: Mapping[int, int]) -> None:
        """Take note of what is durable now. ends: by row id, the last sequence numbers of some shops."""
        for row, seq in ends.items():
            # The latest last.
            self._ends.pop(row, None)
            self._ends[row] = seq
        while len(self._ends) > MAX_SHOPS:
            row = next(iter(self._ends))
            del self._ends[row]
            self._shop_ids.pop(row, None)
        self._is_changed = True
        self._schedule()

    async def close(self) -> None:
        """Save the last of it. The reader must still be open."""
        if self._timer is not None:
            self._timer.cancel()
        if self._saving is not None:
            await asyncio.wait([self._saving])
        if self._timer is not None:
            self._timer.cancel()
        if self._is_changed:
            await self._save_now()

    def _schedule(self) -> None:
        if self._timer is None and self._saving is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._start)

    def _start(self) -> None:
        self._timer = None
        self._saving = asyncio.get_running_loop().create_task(self._save_now())
        self._saving.add_done_callback(self._saved)

    def _saved(self, _task: asyncio.Task[None]) -> None:
        self._saving = None
        if self._is_changed:
            self._schedule()

    async def _save_now(self) -> None:
        self._is_changed = False
        ends = dict(self._ends)
        try:
            shop_ids = {row: await self._shop_id(row) for row in ends}
            mark = HighWater({shop_ids[row]: seq for row, seq in ends.items()}, self._restored)
            await asyncio.to_thread(self._save, mark)
        except (OSError, StoreError) as error:
            self._is_changed = True
            if not self._is_failing:
                log.warning("how far the database is could not be noted beside it: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    async def _shop_id(self, row_id: int) -> int:
        if row_id not in self._shop_ids:
            row = await self._reader.shop_of_row(row_id)
            if row is None:
                raise StoreError(f"there is no shop with the row id {row_id}")
            if row_id not in self._ends:
                return row.shop_id
            self._shop_ids[row_id] = row.shop_id
        return self._shop_ids[row_id]
