"""The Dockerfile: what it does is sound, and where an engine runs, it is built and started.

Elsewhere its steps are only read.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
INSTRUCTIONS: Final = frozenset(
    (
        *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    )
)


def steps() -> list[tuple[str, str]]:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    read = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(instruction, rest) for instruction, _, rest in read]


def has_engine() -> bool:
    docker = shutil.which("docker")
    return docker is not None and (
        subprocess.run([docker, "info"], capture_output=True, timeout=60, check=False).returncode == 0
    )


def test_every_line_is_an_instruction() -> None:
    assert {instruction for instruction, _ in steps()} <= INSTRUCTIONS


def test_what_runs_is_no_root_and_keeps_its_data_in_a_volume() -> None:
    final = steps()[max(n for n, (instruction, _) in enumerate(steps()) if instruction == "FROM") :]
    said = dict(final)
    assert said["USER"] == "minirelay"
    assert said["VOLUME"] == "/var/lib/minirelay"
    assert said["ENTRYPOINT"] == '["minirelay"]'
    assert "/health" in said["HEALTHCHECK"]
    order = [instruction for instruction, _ in final]
    assert order.index("RUN") < order.index("USER")


def test_what_is_copied_is_there_and_reaches_the_engine() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for instruction, rest in steps():
        if instruction == "COPY" and not rest.startswith("--from"):
            *sources, _ = shlex.split(rest)
            for source in sources:
                name = source.removeprefix("./")
                assert (ROOT / name).exists()
                assert f"!{name}" in ignored


def test_both_stages_have_the_same_python_and_it_is_one_of_ours() -> None:
    bases = {rest.split()[0] for instruction, rest in steps() if instruction == "FROM"}
    assert len(bases) == 1
    version = re.fullmatch(r"python:(\d+\.\d+)-slim", bases.pop())
    assert version is not None
    assert f"Programming Language :: Python :: {version[1]}" in (ROOT / "pyproject.toml").read_text()


@pytest.mark.skipif(not has_engine(), reason="no container engine runs here")
def test_the_image_is_built_and_starts() -> None:
    def docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["docker", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
        )

    built = docker("build", "--quiet", "--tag", "minirelay-test", ".")
    assert built.returncode == 0, built.stderr
    assert docker("run", "--rm", "minirelay-test", "--version").stdout.startswith("minirelay ")
    # Nothing is configured: it says in one line what is missing.
    started = docker("run", "--rm", "minirelay-test")
    assert started.returncode == 2
    assert "base_url" in started.stderr
