from pathlib import Path

import pytest

from minirelay.errors import ConfigError
from minirelay.payments.price_key import read_price_key


def test_key_is_one_line_of_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("CG-abc123\n")
    for mode in (0o600, 0o640, 0o400):
        file.chmod(mode)
        assert read_price_key(file) == "CG-abc123"


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0o600, "No such file"),
        ("CG-abc", 0o644, "chmod 600"),
        ("", 0o600, "no key"),
        ("two words", 0o600, "no key"),
        ("a\nb", 0o600, "no key"),
        ("x" * 500, 0o600, "no key"),
    ],
)
def test_what_is_no_private_key_is_named_but_never_shown(
    tmp_path: Path, content: str | None, mode: int, words: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(ConfigError, match=f"prices.key_file: .*{words}") as caught:
        read_price_key(file)
    assert not content or content not in str(caught.value).replace(str(file), "")
