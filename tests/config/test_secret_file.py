from pathlib import Path

import pytest

from minirelay.config.secret_file import read_secret
from minirelay.errors import ConfigError


def test_key_is_one_line_of_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("CG-abc123\n")
    for mode in (0o600, 0o640, 0o400):
        file.chmod(mode)
        assert read_secret(file, "prices.key_file") == "CG-abc123"


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
        read_secret(file, "prices.key_file")
    assert not content or content not in str(caught.value).replace(str(file), "")


def test_a_secret_that_can_be_guessed_is_too_short(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("x" * 31)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"admin_token_file: .*too short; it needs 32 characters"):
        read_secret(file, "admin_token_file", least=32)
    file.write_text("x" * 32)
    assert read_secret(file, "admin_token_file", least=32) == "x" * 32
