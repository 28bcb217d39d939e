"""How values are read."""

from pathlib import Path

import pytest

from minirelay.config.quantities import Seconds
from minirelay.config.values import read


def test_read_paths_and_what_is_read_already(tmp_path: Path) -> None:
    assert read(Path, str(tmp_path)) == tmp_path
    assert read(Path, tmp_path) == tmp_path
    assert read(Path, "~/x") == Path.home() / "x"
    assert read(Seconds, Seconds(3)) == 3
    with pytest.raises(ValueError, match="a path"):
        read(Path, "")
    with pytest.raises(TypeError):
        read(complex, "1")
