"""The commits that could not be stored: what a probe has to be able to store before all is well again.

A tiny write may succeed where those of clients fail: with a damaged page of an index that it does not touch,
or on a full disk with room for one more page.
"""

import sqlite3
from collections.abc import Iterable, Sequence, Set

from minirelay.store.batch import Writable, rows_of
from minirelay.store.connection import rolled_back_on_error
from minirelay.store.writes import Commit

_FILL = """INSERT INTO meta (key, value) VALUES ('rehearsal', zeroblob(?))
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
_EMPTY = "DELETE FROM meta WHERE key = 'rehearsal'"


class FailedCommits:
    """Of each shop the last ones that failed, until one of the same shop is stored."""

    def __init__(self, most_bytes: int) -> None:
        """most_bytes: beyond it, the shops that failed first are forgotten, but for the last one."""
        self._most_bytes = most_bytes
        self._by_shop: dict[int, list[Commit]] = {}

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._by_shop)

    def all(self) -> tuple[Commit, ...]:
        """List them, those of a shop in their order."""
        return tuple(commit for commits in self._by_shop.values() for commit in commits)

    def add(self, parts: Iterable[Writable]) -> None:
        """Note what one transaction failed with."""
        commits = _commits(parts)
        for shop in {commit.shop: None for commit in commits}:
            self._by_shop.pop(shop, None)
            self._by_shop[shop] = [commit for commit in commits if commit.shop == shop]
        while len(self._by_shop) > 1 and sum(commit.weight for commit in self.all()) > self._most_bytes:
            del self._by_shop[next(iter(self._by_shop))]

    def forget(self, stored: Iterable[Writable]) -> None:
        """Drop those of the shops of which something was stored, and those whose key card was."""
        for commit in _commits(stored):
            self._by_shop.pop(commit.shop, None)
            if commit.new_cards:
                self._drop_cards({card.public_key for card in commit.new_cards})

    def clear(self) -> None:
        """Drop all."""
        self._by_shop.clear()

    def _drop_cards(self, public_keys: Set[bytes]) -> None:
        # They are another shop's now, so those commits can't be stored any more.
        for shop, commits in list(self._by_shop.items()):
            if any(card.public_key in public_keys for one in commits for card in one.new_cards):
                del self._by_shop[shop]


def _commits(parts: Iterable[Writable]) -> list[Commit]:
    return [part for part in parts if isinstance(part, Commit)]


def rehearse(connection: sqlite3.Connection, commits: Sequence[Commit], most_bytes: int) -> None:
    """Try whether these commits could be stored now, which failed when nothing was stored since.

    Their rows are written and taken back, and then as many bytes are committed, and removed: what is taken
    back never reaches the disk. most_bytes: of those. Raises sqlite3.Error.
    """
    with rolled_back_on_error(connection):
        connection.execute("BEGIN IMMEDIATE")
        for statement in rows_of(commits).statements():
            connection.execute(statement.sql, statement.parameters)
        connection.execute("ROLLBACK")
    connection.execute(_FILL, (min(most_bytes, sum(commit.weight for commit in commits)),))
    connection.execute(_EMPTY)
