"""What can go wrong with the database, as one tree.

StoreError (errors.py)
├── StoreUnavailable      a transaction could not be carried out: disk full, I/O error, busy; try again later
│   ├── DatabaseReplaced  the file was moved, deleted or replaced: nothing is stored until it is back
│   └── StaleEpoch        a commit was judged on a state that was never stored: load the state again
├── StoreClosed           the store was closed, or is being closed
├── StoreLocked           another process writes to this data directory
├── StoreUnreadable       the directory or the file cannot be opened at all: missing, permissions, damaged
├── DataMissing           the database has less than there was, or that can't be told; people have to decide
├── NotOurDatabase        the file is an SQLite database, but not one of minirelay's, or no database
├── SchemaTooNew          a newer minirelay has been here
├── SchemaTooOld          opened for reading only, and it would have to be migrated first
└── SQLiteTooOld          the SQLite library lacks something that the schema needs
"""

from minirelay.errors import StoreError


class StoreUnavailable(StoreError):
    """A transaction could not be carried out; nothing of it was stored. The cause is chained."""


class DatabaseReplaced(StoreUnavailable):
    """The database that is open is no longer the one at its path."""


class StaleEpoch(StoreUnavailable):
    """A commit was judged on a state that was never stored."""


class StoreClosed(StoreError):
    """The store was closed, or is being closed."""


class StoreLocked(StoreError):
    """Another process writes to this data directory."""


class StoreUnreadable(StoreError):
    """The directory or the file cannot be opened at all."""


class DataMissing(StoreError):
    """The database has less than there was, or that can't be told."""


class NotOurDatabase(StoreError):
    """The file is not a database of minirelay's."""


class SchemaTooNew(StoreError):
    """The database was written by a newer minirelay."""


class SchemaTooOld(StoreError):
    """The database must be migrated before it can be read."""


class SQLiteTooOld(StoreError):
    """The SQLite library lacks something that the schema needs."""
