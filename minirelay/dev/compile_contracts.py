"""Compile the development contracts: `python -m minirelay.dev.compile_contracts`.

For developers who change a contract; all others use the committed results: the code in `contracts/build/`,
the interfaces in `protocol/interfaces/`. It needs Node and npm, installs the pinned compiler and OpenZeppelin
into a temporary directory, and leaves nothing else behind.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minirelay.protocol.abi import DIRECTORY as INTERFACES

SOURCES = Path(__file__).parent / "contracts"
BUILD = SOURCES / "build"

DEPLOYED = ("Eddies", "Multicall3", "PaymentsByAddress", "Permit2", "RelayReg", "ShopReg")

SETTINGS: dict[str, Any] = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 200},
    # No metadata hash: the bytecode then depends on the code alone, not on comments or file names.
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
}


class CompilationError(Exception):
    """npm or the compiler said no; the message is what it said."""


def install(workshop: Path) -> None:
    """Install the pinned compiler and libraries into a directory, with npm and from its lock file."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCES / name, workshop / name)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], workshop)


def compile_all(workshop: Path) -> dict[Path, str]:
    """Compile what is deployed, with the compiler installed in `workshop`.

    Returns the text of each artifact and interface by where it is committed. Raises CompilationError.
    """
    compiled = compile_sources(workshop, sorted(SOURCES.glob("*.sol")), DEPLOYED)
    return {
        **{BUILD / f"{name}.json": _text(one.artifact) for name, one in compiled.items()},
        **{INTERFACES / f"{name}.json": _text(one.abi) for name, one in compiled.items()},
    }


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled contract: its code and how it came about, and its interface, both as JSON has them."""

    artifact: dict[str, Any]
    abi: list[dict[str, Any]]


def compile_sources(workshop: Path, sources: Sequence[Path], names: Sequence[str]) -> dict[str, Compiled]:
    """Compile contracts out of files of the same names, which may import one another.

    Returns those that are named. Raises CompilationError, also for what the compiler only warns of.
    """
    request = {
        "language": "Solidity",
        "sources": {path.name: {"content": path.read_text()} for path in sources},
        "settings": SETTINGS
        | {"outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}}},
    }
    compiler = str(workshop / "node_modules" / ".bin" / "solcjs")
    version = _run([compiler, "--version"], workshop).strip()
    command = [compiler, "--standard-json", "--base-path", ".", "--include-path", "node_modules"]
    output = _run(command, workshop, json.dumps(request))
    # solcjs may say something about SMT solvers in front of its answer.
    answer = json.loads(output[output.index("{") :])
    problems = [problem["formattedMessage"] for problem in answer.get("errors", ())]
    if problems:
        raise CompilationError("\n".join(problems))
    outputs = {name: answer["contracts"][f"{name}.sol"][name] for name in names}
    return {
        name: Compiled(_artifact(name, version, output), output["abi"]) for name, output in outputs.items()
    }


def _artifact(name: str, version: str, output: dict[str, Any]) -> dict[str, Any]:
    return {
        "contractName": name,
        "compiler": version,
        "settings": SETTINGS,
        "bytecode": "0x" + output["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + output["evm"]["deployedBytecode"]["object"],
    }


def _text(content: Any) -> str:
    return json.dumps(content, indent=1) + "\n"


def _run(command: list[str], directory: Path, text: str | None = None) -> str:
    # Into a file, not a pipe: solcjs exits without waiting until a pipe has taken all of its answer.
    output = directory / "output"
    with output.open("w") as stdout:
        done = subprocess.run(  # noqa: S603
            command, cwd=directory, input=text, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    if done.returncode != 0:
        raise CompilationError(f"{command[0]} failed: {done.stderr.strip()}")
    return output.read_text()


def main() -> None:
    """Recompile and replace the committed artifacts."""
    with tempfile.TemporaryDirectory() as directory:
        workshop = Path(directory)
        install(workshop)
        for path, text in compile_all(workshop).items():
            path.write_text(text)


if __name__ == "__main__":
    main()
