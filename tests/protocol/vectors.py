"""The conformance data that came with the specification."""

import json
from pathlib import Path
from typing import Any

_VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> Any:
    """Load one file. Its cases are plain JSON; bytes stand in it as hex."""
    return json.loads((_VECTORS / f"{name}.json").read_text())


def case(name: str, title: str) -> Any:
    """Find one case of a file by its name."""
    return next(found for found in load(name) if found["name"] == title)
