"""One test alone, many side by side: as processes take their turns."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from tests.taking_turns import turn

FORK = multiprocessing.get_context("spawn")
QUICK_S = 0.2
TIMEOUT_S = 60.0


def take(directory: Path, is_alone: bool, line: Connection) -> None:
    line.send("waits")
    with turn(directory, is_alone=is_alone):
        line.send("runs")
        line.recv()


class Other:
    """Another process that takes a turn."""

    def __init__(self, directory: Path, *, is_alone: bool) -> None:
        self._line, theirs = FORK.Pipe()
        self.process = FORK.Process(target=take, args=(directory, is_alone, theirs))
        self.process.start()
        assert self.hears() == "waits"

    def hears(self, timeout_s: float = TIMEOUT_S) -> str | None:
        return str(self._line.recv()) if self._line.poll(timeout_s) else None

    def end(self) -> None:
        self._line.send("end")
        self.process.join(TIMEOUT_S)


def test_many_run_side_by_side(tmp_path: Path) -> None:
    with turn(tmp_path, is_alone=False):
        other = Other(tmp_path, is_alone=False)
        assert other.hears() == "runs"
        other.end()


def test_one_alone_waits_for_the_others_and_they_for_it(tmp_path: Path) -> None:
    with turn(tmp_path, is_alone=False):
        alone = Other(tmp_path, is_alone=True)
        assert alone.hears(QUICK_S) is None
        later = Other(tmp_path, is_alone=False)
        assert later.hears(QUICK_S) is None
    assert alone.hears() == "runs"
    assert later.hears(QUICK_S) is None
    alone.end()
    assert later.hears() == "runs"
    later.end()
