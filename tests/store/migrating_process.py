"""A process that migrates a database until it is killed, to be run with the database as its argument."""

import sys
from pathlib import Path

from minirelay.store.connection import configure_to_write, connect_to_write
from minirelay.store.schema import Migration, migrate, migrations, newest_of

ENDLESS = """CREATE TABLE much (a BLOB) STRICT;
    ALTER TABLE alert ADD COLUMN half INTEGER;
    INSERT INTO much WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT randomblob(4000) FROM n LIMIT 100000;"""


def main(path: Path) -> None:
    connection = connect_to_write(path)
    configure_to_write(connection, "full")
    # So that it writes before the end, like a migration that is larger than the cache.
    connection.execute("PRAGMA cache_size = 10")
    sys.stdout.write("migrating\n")
    sys.stdout.flush()
    number = newest_of(migrations()) + 1
    migrate(connection, path, (*migrations(), Migration(number, f"{number:04}_much.sql", ENDLESS)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
