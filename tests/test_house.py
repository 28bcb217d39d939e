"""The rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "minirelay"
TESTS = ROOT / "tests"

GENERATED = {"protocol/wire_pb2.py"}
WITHOUT_A_TEST_OF_THEIR_OWN = {
    **{
        f"composition/{part}.py": "a part of a relay, tested with the whole: test_server.py"
        for part in (
            "foundations",
            "listeners",
            "metering",
            "operations",
            "operator_listeners",
            "payments",
            "registry",
            "relay_parts",
            "running_relay",
            "watched_chains",
            "webhook",
        )
    },
    **{
        f"web/admin/{part}.py": "paths, tested with the errors, the whole and the commands"
        for part in ("blobs", "callers", "prices", "sweeps")
    },
    **{
        f"operations/checks/{part}.py": "tested with the command: cli/test_doctor.py"
        for part in ("contracts", "diagnosis", "result")
    },
    **{
        f"store/{part}questions.py": "questions of the reader, tested with it: store/test_reader.py"
        for part in ("", "blob_", "log_", "operator_", "payment_", "shop_")
    },
    "blobs/errors.py": "two names, tested with the library and the uploads",
    "operations/shop_documents.py": "tested with the views of shops over HTTP: web/admin/test_shops.py",
    "operations/shop_views.py": "tested over HTTP: web/admin/test_shops.py",
    "operations/log_document.py": "tested with the views of shops over HTTP: web/admin/test_shops.py",
    "operations/payment_views.py": "tested over HTTP: web/admin/test_payments.py",
    "operations/payment_document.py": "tested with the command and over HTTP: web/admin/test_payments.py",
    "chain/findings.py": "only types and a protocol, tested with the poller",
    "protocol/addresses.py": "only constants, tested with everything that uses them",
    "protocol/piece.py": "only a type, tested with the reader that makes it",
    "protocol/paths.py": "only constants, tested with everything that uses them",
    "chain/transport.py": "only a protocol, tested with the endpoints that follow it",
    "relay/request.py": "only protocols, tested with the sequencer and the requests",
    "relay/messages.py": "only types, tested with everything that uses them",
    "relay/shop_events.py": "a protocol, tested with the sequencer and the shops",
}
TESTS_OF_NO_MODULE = {
    "test_house.py",
    "test_taking_turns.py",
    "test_config_docs.py",
    "test_operator_docs.py",
    "chain/test_poller_simulation.py",
    "config/test_wrong_values.py",
    "payments/test_payment_simulation.py",
    "protocol/test_wire.py",
}


def modules() -> list[str]:
    found = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return sorted(name for name in found if not name.endswith("__init__.py") and name not in GENERATED)


def mirrored(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}" if folder else f"test_{name}"


def contract_tests() -> set[str]:
    """Solidity has tests too: ShopReg.sol in contracts/test_shop_reg.py; those for tests only, too."""
    places = {"dev/contracts": PACKAGE / "dev" / "contracts", "contracts": TESTS / "contracts"}
    return {
        f"{place}/test_{re.sub(r'(?<=.)(?=[A-Z])', '_', path.stem).lower()}.py"
        for place, directory in places.items()
        for path in directory.glob("*.sol")
    }


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


# -- docstrings

NO_VERBS = {"A", "All", "An", "Each", "How", "If", "It", "Its", "One", "That", "The", "This", "What", "When"}
NO_VERBS |= {"Where", "Whether", "Which", "Who", "For"}


def public_functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods that others call; what properties are may be said with a noun."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, ast.ClassDef):
            yield from public_functions(one)
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            is_property = any("property" in ast.unparse(decorator) for decorator in one.decorator_list)
            if not (is_property or one.name.startswith("_")):
                yield one


def is_sentence_in_the_imperative(line: str) -> bool:
    """Return whether a line begins with a verb as PEP 257 has it ("Return", not "Returns"), and ends."""
    word = line.partition(" ")[0].rstrip(".:;,")
    is_third_person = word.endswith("s") and not word.endswith("ss")
    return line.endswith(".") and word.istitle() and word not in NO_VERBS and not is_third_person


@pytest.mark.parametrize("module", modules())
def test_the_first_line_about_a_function_says_what_to_do(module: str) -> None:
    lines = [
        docstring.splitlines()[0]
        for function in public_functions(tree_of(f"minirelay/{module}"))
        if (docstring := ast.get_docstring(function)) is not None
    ]
    assert [line for line in lines if not is_sentence_in_the_imperative(line)] == []


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("Return what is there.", True),
        ("Drain, then end.", True),
        ("Pass.", True),
        ("Returns what is there.", False),
        ("Return what is there", False),
        ("The number of them.", False),
        ("number: of them.", False),
    ],
)
def test_which_lines_are_in_the_imperative(line: str, is_one: bool) -> None:
    assert is_sentence_in_the_imperative(line) is is_one


# -- private names

PUBLIC_IN_SPITE_OF_IT = {"_replace", "_asdict", "_fields", "_exit", "_current_frames"}
"""Names of the standard library that are meant for everybody: of named tuples, of os and of sys."""

OF_OTHER_LIBRARIES = {
    "minirelay/dev/chain/blockchain.py": {"_utils"},
    "minirelay/protocol/signing.py": {"_libsecp256k1"},
    "minirelay/web/read_throttle.py": {"_message_tail"},
    "minirelay/web/request_parser.py": {"_size"},
    "tests/relay/test_relay.py": {"_writer"},
    "tests/web/test_frame_scanner.py": {"_buffer"},
    "tests/web/test_request_parser.py": {"_parser"},
}
"""What they have no public way to: what came along with a handshake, where a contract will be, and so on."""


def sources() -> list[str]:
    found = (path.relative_to(ROOT).as_posix() for room in (PACKAGE, TESTS) for path in room.rglob("*.py"))
    return sorted(name for name in found if name.removeprefix("minirelay/") not in GENERATED)


@cache
def tree_of(source: str) -> ast.Module:
    return ast.parse((ROOT / source).read_text())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC_IN_SPITE_OF_IT


def is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


@cache
def private_names_of(source: str) -> frozenset[str]:
    """Collect the private names that a module defines: of classes, functions, fields and attributes."""
    names = set()
    for node in ast.walk(tree_of(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store()) if is_own(node):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
    return frozenset(filter(is_private, names))


@cache
def private_names_of_the_package() -> frozenset[str]:
    return frozenset().union(*(private_names_of(one) for one in sources() if one.startswith("minirelay/")))


def taken_names(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a module takes of something else than `self`, or sets by their name."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if not is_own(node):
                yield name
            case ast.ImportFrom(module=module, names=names):
                yield from (module or "").split(".")
                yield from (one.name for one in names)
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr") | ast.Attribute(attr="setattr" | "object"),
                args=[_, ast.Constant(value=str(name)), *_],
            ):
                yield name


def reached_into(source: str) -> set[str]:
    """Collect the private names of others that a module takes; a test's, as far as the package has them."""
    taken = {name for name in taken_names(tree_of(source)) if is_private(name)} - private_names_of(source)
    return taken if source.startswith("minirelay/") else taken & private_names_of_the_package()


@pytest.mark.parametrize("source", sources())
def test_nothing_reaches_into_the_private_names_of_others(source: str) -> None:
    assert reached_into(source) <= OF_OTHER_LIBRARIES.get(source, set())


def test_exceptions_for_other_libraries_are_still_needed() -> None:
    assert {
        source: names for source, names in OF_OTHER_LIBRARIES.items() if names - reached_into(source)
    } == {}


@pytest.mark.parametrize(
    "line",
    [
        "x._feed",
        "x.y._feed",
        "setattr(x, '_feed', 1)",
        "monkeypatch.setattr(x, '_feed', 1)",
        "del x[0]._feed",
        "from x import _feed",
        "from x._feed import y",
    ],
)
def test_reaching_into_a_private_name_is_seen(line: str) -> None:
    assert list(filter(is_private, taken_names(ast.parse(line)))) == ["_feed"]
