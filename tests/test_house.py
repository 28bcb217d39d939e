"""The rules of the house that no linter knows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "minirelay"
TESTS = ROOT / "tests"

GENERATED = {"protocol/wire_pb2.py"}
WITHOUT_A_TEST_OF_THEIR_OWN = {
    "relay/request.py": "only a protocol, tested with the requests that follow it",
    "relay/messages.py": "only types, tested with everything that uses them",
    "relay/shop_events.py": "a protocol, tested with the sequencer and the shops",
}
TESTS_OF_NO_MODULE = {"test_house.py", "test_config_docs.py", "protocol/test_wire.py"}


def modules() -> list[str]:
    found = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return sorted(name for name in found if not name.endswith("__init__.py") and name not in GENERATED)


def mirrored(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}" if folder else f"test_{name}"


def contract_tests() -> set[str]:
    """Solidity has tests too: ShopReg.sol in contracts/test_shop_reg.py."""
    names = (path.stem for path in (PACKAGE / "dev" / "contracts").glob("*.sol"))
    return {f"dev/contracts/test_{re.sub(r'(?<=.)(?=[A-Z])', '_', name).lower()}.py" for name in names}


@pytest.mark.parametrize("module", modules())
def test_every_module_has_its_test_file(module: str) -> None:
    assert module in WITHOUT_A_TEST_OF_THEIR_OWN or (TESTS / mirrored(module)).exists()


def test_every_test_file_has_its_module() -> None:
    expected = {mirrored(module) for module in modules()} | TESTS_OF_NO_MODULE | contract_tests()
    found = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("test_*.py")
        if path.relative_to(TESTS).parts[0] != "system"
    }
    assert found <= expected, f"tests of no module: {sorted(found - expected)}"


def test_exceptions_to_the_mirror_are_still_needed() -> None:
    stale = [
        module
        for module in WITHOUT_A_TEST_OF_THEIR_OWN
        if module not in modules() or (TESTS / mirrored(module)).exists()
    ]
    assert not stale


@pytest.mark.parametrize("module", modules())
def test_every_module_says_what_it_is(module: str) -> None:
    assert (PACKAGE / module).read_text().startswith('"""')
