"""A running `minirelay dev` is found, and only one of this user's."""

import os
from pathlib import Path

import pytest

from minirelay.dev.contract_addresses import Contracts
from minirelay.dev.running import DIRECTORY_VARIABLE, RunningDev, announced, find_running
from minirelay.errors import ConfigError

CONTRACTS = Contracts("0x01", "0x02", "0x03", "0x04", "0x05")


def running(port: int = 4444, pid: int | None = None) -> RunningDev:
    url = f"http://localhost:{port}"
    return RunningDev(pid or os.getpid(), url, "http://localhost:8545", 31337, CONTRACTS, "/data")


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))
    return tmp_path / "minirelay-dev"


def test_the_one_that_runs_is_found_as_long_as_it_runs() -> None:
    with announced(running()):
        assert find_running() == running()
        assert find_running("http://localhost:4444") == running()
    with pytest.raises(ConfigError, match="no `minirelay dev` runs"):
        find_running()


def test_of_several_one_has_to_be_named() -> None:
    with announced(running(1)), announced(running(2)):
        with pytest.raises(ConfigError, match=r"--relay, of http://localhost:1, http://localhost:2"):
            find_running()
        assert find_running("http://localhost:2") == running(2)
        with pytest.raises(
            ConfigError, match="at http://localhost:3; there is http://localhost:1, http://localhost:2"
        ):
            find_running("http://localhost:3")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::1]", "[::]"])
def test_this_machine_may_be_called_otherwise(host: str) -> None:
    with announced(running(1)), announced(running(2)):
        assert find_running(f"http://{host}:2/") == running(2)
        with pytest.raises(ConfigError, match="has its relay at"):
            find_running(f"http://{host}.example.org:2")


def test_one_that_was_killed_is_not_found() -> None:
    # No process has this number: they begin anew far below.
    with announced(running(pid=2**22 + 1)), pytest.raises(ConfigError, match="no `minirelay dev`"):
        find_running()


def test_what_is_no_announcement_is_passed_over(directory: Path) -> None:
    with announced(running()):
        (directory / "other.json").write_text("{}")
        assert find_running() == running()


def test_a_directory_of_somebody_else_is_not_believed(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        find_running()
    with announced(running()):
        assert list(directory.iterdir()) == []


def test_where_nothing_can_be_written_it_runs_all_the_same(directory: Path) -> None:
    directory.write_text("a file")
    with announced(running()):
        pass


def test_without_a_directory_of_the_user_it_is_a_temporary_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(DIRECTORY_VARIABLE)
    monkeypatch.setattr("minirelay.dev.running.gettempdir", lambda: str(tmp_path))
    with announced(running()):
        assert find_running() == running()
        assert (tmp_path / f"minirelay-dev-{os.getuid()}").stat().st_mode & 0o777 == 0o700
