"""Compile the contracts that only tests need: `python -m tests.contracts.compile`.

For who changes one of them; the committed results are in `build/`. Compiler and libraries are those of the
development contracts, which these may import.
"""

import json
import tempfile
from pathlib import Path

from minirelay.dev.compile_contracts import SOURCES, compile_sources, install

HERE = Path(__file__).parent
BUILD = HERE / "build"

NAMES = tuple(sorted(path.stem for path in HERE.glob("*.sol") if path.stem != "DeployedSweeper"))
"""What is deployed in tests: all, but for what one of the others deploys."""


def compile_all(workshop: Path) -> dict[Path, str]:
    """Compile with what is installed in `workshop`; return each artifact's text by where it is committed."""
    sources = [*sorted(SOURCES.glob("*.sol")), *sorted(HERE.glob("*.sol"))]
    compiled = compile_sources(workshop, sources, NAMES)
    return {
        BUILD / f"{name}.json": json.dumps({**one.artifact, "abi": one.abi}, indent=1) + "\n"
        for name, one in compiled.items()
    }


def main() -> None:
    """Recompile and replace the committed artifacts."""
    with tempfile.TemporaryDirectory() as directory:
        workshop = Path(directory)
        install(workshop)
        for path, text in compile_all(workshop).items():
            path.write_text(text)


if __name__ == "__main__":
    main()
