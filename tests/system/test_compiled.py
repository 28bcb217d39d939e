"""The compiled form (setup.py): built once, then the tests of what is compiled, and a relay made of it.

It stands in a copy of the project, where the tests find it instead of this one.
"""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
BUILD_TIMEOUT_S: Final = 500
TEST_TIMEOUT_S: Final = 500
LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "node_modules", "*.so")

# What takes most of the time of these tests, and is about rules that are not compiled.
RULES: Final = "both_readings_agree or a_draft_behind_another"


def compiled_modules() -> list[str]:
    """List the files of the modules that setup.py has compiled."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILED":
            listed: list[str] = ast.literal_eval(node.value)
            return listed
    raise LookupError("setup.py has no COMPILED")


def environment(**others: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MINIRELAY_")}
    return own | others


def run(project: Path, *command: str, timeout_s: float = TEST_TIMEOUT_S, **others: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env=environment(**others),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose modules are compiled."""
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        pytest.skip("this Python has no headers")
    place = tmp_path_factory.mktemp("compiled")
    for name in ("minirelay", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=LEFT_OUT)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / name)
    # As docs/install.md says, so in an environment in which nothing is there but what the build asks for.
    wheel = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "wheel", ".")
    run(place, *wheel, timeout_s=BUILD_TIMEOUT_S, MINIRELAY_COMPILE="1")
    (built,) = (place / "wheel").iterdir()
    with zipfile.ZipFile(built) as archive:
        archive.extractall(place, [name for name in archive.namelist() if name.endswith(".so")])
    return place


def test_whoever_asks_for_nothing_gets_pure_python() -> None:
    asked = [sys.executable, "setup.py", "--quiet", "build_ext", "--dry-run"]
    done = subprocess.run(
        asked, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert "mypy" not in done.stdout + done.stderr
    assert not [path for path in (ROOT / "minirelay").rglob("*") if path.name.endswith(".so")]


def test_no_compiled_module_has_structs() -> None:
    # mypyc drops the keywords of a class: what says `frozen` would not be.
    for name in compiled_modules():
        classes = [
            one for one in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(one, ast.ClassDef)
        ]
        assert not [one.name for one in classes if one.keywords], name


def test_all_of_it_is_compiled_and_it_says_so(project: Path) -> None:
    names = [path.removesuffix(".py").replace("/", ".") for path in compiled_modules()]
    told = run(
        project,
        "-c",
        f"import {', '.join(names)}; import sys\nfor n in {names}: print(sys.modules[n].__file__)",
    )
    files = [Path(line) for line in told.splitlines()]
    assert len(files) == len(names)
    assert all(one.is_relative_to(project) and one.name.endswith(tuple(EXTENSION_SUFFIXES)) for one in files)
    assert run(project, "-m", "minirelay", "--version").endswith(" (compiled)\n")


def test_its_modules_pass_their_tests(project: Path) -> None:
    modules = [Path(path).relative_to("minirelay") for path in compiled_modules()]
    tests = [str(Path("tests") / path.parent / f"test_{path.name}") for path in modules]
    others = (
        "tests/protocol/test_patch_set.py",
        "tests/protocol/test_patch.py",
        "tests/shop/test_canonical.py",
        "tests/shop/test_hamt_digest.py",
        "tests/shop/test_hamt_trail.py",
        "tests/shop/test_hamt_whole.py",
    )
    run(
        project, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", f"not ({RULES})", *tests, *others
    )


def test_it_reads_or_refuses_any_input(project: Path) -> None:
    run(
        project,
        *("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/system/test_fuzzing.py"),
        MINIRELAY_INPUTS="300",
    )


def test_a_failure_in_it_tells_where_it_was(project: Path) -> None:
    told = run(
        project,
        "-c",
        "import traceback\nfrom minirelay.protocol.cbor import decode\n"
        "try: decode(b'\\x82\\x01')\nexcept Exception: traceback.print_exc()",
    )
    assert 'minirelay/protocol/cbor_items.py", line ' in told
    assert "in cut_short" in told or "in _list" in told


def test_a_killed_relay_made_of_it_has_lost_nothing_that_it_had_acknowledged(project: Path) -> None:
    run(
        project,
        *("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/system/test_crashes.py"),
        *("-k", "a_killed_relay"),
        MINIRELAY_KILLS="2",
    )
