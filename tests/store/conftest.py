"""What the tests of this room may ask for."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest

from minirelay.store import database
from minirelay.store.database import Store
from tests.store.examples import CARD, GUEST, OTHER_GUEST, beginning


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open store with a shop 1 and three cards."""
    async with await Store.open(tmp_path) as opened:
        for commit in beginning(cards=(CARD, GUEST, OTHER_GUEST)):
            await opened.writer.commit(commit)
        yield opened


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    """The writing connection itself, of an empty database."""
    with closing(connect(tmp_path)) as connection:
        yield connection


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """One writing connection for all examples of a property; each example has a shop of its own."""
    with closing(connect(tmp_path_factory.mktemp("shared"))) as connection:
        yield connection


def connect(directory: Path) -> Connection:
    path = directory / database.FILE_NAME
    path.touch()
    return database.connect_writer(path, "normal")
