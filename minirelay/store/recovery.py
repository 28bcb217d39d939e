"""What a start does about what is missing: it refuses, or goes on with all shops treated as restored."""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minirelay.protocol.gaps import GAP_STEP
from minirelay.store.errors import DataMissing
from minirelay.store.gaps import treat_as_restored
from minirelay.store.high_water import (
    HIGH_WATER_FILE,
    HighWater,
    find_loss,
    read_high_water,
    survey,
)

log = logging.getLogger(__name__)

REMEDY: Final = (
    "put its -wal file or a newer copy back beside it ({wal}), "
    "or start the relay once with --accept-loss to go on without"
)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is to be done when the database is open. given_up: what is missing, in words; None: nothing."""

    mark: HighWater | None
    given_up: str | None

    @classmethod
    def plan(cls, database: Path, accepts_loss: bool) -> "Recovery":
        """Compare a database with what is remembered of it, before anything is changed.

        Raises DataMissing unless a loss is accepted; sqlite3.Error, NotOurDatabase, SchemaTooNew.
        """
        mark = loss = None
        try:
            mark = read_high_water(database.with_name(HIGH_WATER_FILE))
            loss = None if mark is None else find_loss(database, mark)
            if loss is not None and not accepts_loss:
                wal = f"{database.name}-wal"
                raise DataMissing(f"{database}: {loss.describe()}; {REMEDY.format(wal=wal)}")
        except DataMissing as error:
            if not accepts_loss:
                raise
            return cls(mark, str(error))
        if loss is not None:
            # Without what could be done instead: that is decided.
            return cls(mark, f"{database}: {loss.describe()}")
        if accepts_loss and mark is None:
            return cls(mark, f"{database}: how far the logs were is not known")
        if accepts_loss:
            log.info("nothing is missing from the database: --accept-loss changes nothing")
        return cls(mark, None)

    def carry_out(
        self, connection: sqlite3.Connection, save: Callable[[HighWater], None]
    ) -> tuple[HighWater, Mapping[int, int]]:
        """Treat all shops as restored if something was given up; give how far the database is, and save that.

        Gives also the row ids of the shops in it, by shop id. save: may raise OSError. Raises
        StoreUnavailable, sqlite3.Error.
        """
        known = self.mark or HighWater()
        if self.given_up is not None:
            self._give_up(connection, known)
        mark, rows = survey(connection, known.ends)
        if mark != known:
            try:
                save(mark)
            except OSError as error:
                log.warning("how far the database is could not be noted beside it: %s", error)
        return mark, rows

    def _give_up(self, connection: sqlite3.Connection, known: HighWater) -> None:
        log.warning("going on without what is missing, all shops count as restored: %s", self.given_up)
        treat_as_restored(
            connection,
            int(time.time()),
            # What came after the file was written may have been told as well: not as many sets as that.
            told={shop_id: seq + GAP_STEP for shop_id, seq in known.ends.items()},
            beyond=known.restored + GAP_STEP if known.restored else 0,
        )
