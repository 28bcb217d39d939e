"""The package as people get it: built from its own source archive, installed into an empty environment.

Building and installing ask the package index, as the tests' own environment did when it was made. What is run
then has no network, where the system lets a test take it away.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
INSTALL_TIMEOUT_S: Final = 600
START_TIMEOUT_S: Final = 60
SDIST: Final = "from setuptools import build_meta as b; import sys; print(b.build_sdist(sys.argv[1]))"
LOOPBACK_ONLY: Final = (
    "unshare",
    "--map-root-user",
    "--net",
    "sh",
    "-c",
    'ip link set lo up && exec "$@"',
    "sh",
)
"""A network of its own, with nobody else in it."""

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def without_network() -> tuple[str, ...]:
    """What is put before a command so that it has no network; nothing where that can't be done."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return ()
    tried = subprocess.run([*LOOPBACK_ONLY, "true"], capture_output=True, timeout=20, check=False)
    return LOOPBACK_ONLY if tried.returncode == 0 else ()


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, built by a tool that is installed for it, from what git has or would have."""
    place = tmp_path_factory.mktemp("sdist")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    source = place / "source"
    if listed.returncode != 0:
        pytest.skip("this is no clone: there is no list of the files that belong to it")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "venv", place / "tools")
    run(place / "tools" / "bin" / "pip", "install", "--quiet", "setuptools>=77")
    (place / "built").mkdir()
    run(place / "tools" / "bin" / "python", "-c", SDIST, place / "built", cwd=source)
    (archive,) = (place / "built").glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, sdist)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of an environment are in which nothing but the wheel was asked for."""
    place = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", place)
    run(place / "bin" / "pip", "install", "--quiet", f"minirelay[dev,fast] @ {wheel.as_uri()}")
    return place / "bin"


def test_the_archive_has_what_a_package_needs_and_no_tests(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "docs/backup.md"} <= names
    assert "contrib/systemd/minirelay.service" in names
    assert not {name for name in names if name.startswith((".", "shared", "tests/system"))}


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    tracked = run("git", "ls-files", "minirelay", cwd=ROOT).splitlines()
    # What is for those who compile the contracts stays with the sources.
    wanted = {name for name in tracked if not name.endswith((".npmrc", ".md"))}
    assert {name for name in wanted if (ROOT / name).is_file()} <= packed


def test_dev_runs_from_it_without_a_network(programs: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MINIRELAY_")}
    dev = [programs / "minirelay", "dev", "--json", "--port", "0", "--chain-port", "0"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*without_network(), *map(str, dev)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (tmp_path / "log").read_text()
        assert json.loads(line)["demo_shop"]["shop_id"]
        process.send_signal(signal.SIGINT)
        assert process.wait(START_TIMEOUT_S) in (0, 130)
    finally:
        process.kill()
        process.wait(START_TIMEOUT_S)
        assert process.stdout is not None
        process.stdout.close()


def test_it_brings_its_manual_and_what_is_copied_into_place(programs: Path) -> None:
    assert run(programs / "minirelay", "help", "backup") == (ROOT / "docs" / "backup.md").read_text()
    service = programs.parent / "share" / "minirelay" / "systemd" / "minirelay.service"
    assert service.read_text() == (ROOT / "contrib" / "systemd" / "minirelay.service").read_text()
