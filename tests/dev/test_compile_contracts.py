import re
import shutil
from pathlib import Path

import pytest

from minirelay.dev.compile_contracts import (
    BUILD,
    DEPLOYED,
    SOURCES,
    CompilationError,
    compile_all,
    install,
)
from minirelay.protocol.abi import DIRECTORY as INTERFACES
from tests.contracts import compile as compile_for_tests

SOLIDITY = sorted([*SOURCES.glob("*.sol"), *compile_for_tests.HERE.glob("*.sol")])
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the pinned compiler in it."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"the contracts are not recompiled: {' and '.join(missing)} not installed")
    directory = tmp_path_factory.mktemp("workshop")
    try:
        install(directory)
    except CompilationError as error:
        if any(reason in str(error) for reason in OFFLINE):
            pytest.skip("the contracts are not recompiled: npm can't fetch the compiler, there is no network")
        raise
    return directory


def test_committed_code_is_what_the_sources_compile_to(workshop: Path) -> None:
    compiled = compile_all(workshop)
    committed = {path: path.read_text() for where in (BUILD, INTERFACES) for path in where.glob("*.json")}
    assert sorted(compiled) == sorted(committed)
    assert sorted(path.stem for path in committed) == sorted(DEPLOYED * 2)
    for path, text in compiled.items():
        assert text == committed[path], f"{path} is not what its source compiles to; run the module"


def test_committed_code_of_contracts_for_tests_is_what_their_sources_compile_to(workshop: Path) -> None:
    compiled = compile_for_tests.compile_all(workshop)
    assert sorted(compiled) == sorted(compile_for_tests.BUILD.glob("*.json"))
    for path, text in compiled.items():
        assert text == path.read_text(), f"{path} is not what its source compiles to; run the module"


def test_compiler_warnings_are_failures(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Odd.sol").write_text("pragma solidity ^0.8.27;\ncontract Odd {}\n")
    monkeypatch.setattr("minirelay.dev.compile_contracts.SOURCES", tmp_path)
    with pytest.raises(CompilationError, match="SPDX"):
        compile_all(workshop)


@pytest.mark.parametrize("source", SOLIDITY, ids=lambda path: path.stem)
def test_sources_are_ours_and_name_their_licence(source: Path) -> None:
    first, *_ = source.read_text().splitlines()
    assert first == "// SPDX-License-Identifier: MIT"


def test_lock_file_pins_everything_and_names_no_host() -> None:
    lock = (SOURCES / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert re.search(r'"(https?|git)[:+]', lock.replace('"url": "https://github.com/sponsors', "")) is None
    pinned = (SOURCES / "package.json").read_text()
    assert re.findall(r'"(?:solc|@openzeppelin/contracts)": "(\d+\.\d+\.\d+)"', pinned)
    assert "^" not in pinned
    assert "~" not in pinned
