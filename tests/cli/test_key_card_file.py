"""The file of a key card: made once, for its user alone, never written over."""

import stat
from pathlib import Path

import pytest

from minirelay.cli.key_card_file import make_or_read
from minirelay.errors import ConfigError


def test_it_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    file = tmp_path / "card.key"
    made = make_or_read(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_text()
    assert make_or_read(file).public_key == made.public_key
    assert file.read_text() == content
    assert make_or_read(tmp_path / "other.key").public_key != made.public_key


@pytest.mark.parametrize("content", ["", "0x12", "zz" * 32, "00" * 32, "ff" * 32, "ä"])
def test_what_is_no_key_card_is_said_without_showing_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "card.key"
    file.write_text(content)
    with pytest.raises(ConfigError, match="holds no key card") as refused:
        make_or_read(file)
    assert refused.value.__cause__ is None
    assert not content or content not in str(refused.value).replace(str(file), "")
    assert file.read_text() == content


def test_a_place_that_can_not_be_written_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name another file"):
        make_or_read(tmp_path / "missing" / "card.key")
