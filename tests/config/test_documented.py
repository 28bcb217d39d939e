"""The settings file with all settings in it."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.config.documented import WIDTH, documented, toml
from minirelay.config.loading import file_layer, load
from minirelay.config.setting import ANY_ID
from minirelay.config.settings import SETTINGS, Settings

SETTINGS_OF_ONE = {
    "base_url": "https://relay.example.org",
    "limits.max_sessions": 7,
    "development": True,
    "chains.10.rpc_urls": ["https://one.example", "https://two.example"],
}


def loaded(folder: Path, content: str) -> Settings:
    path = folder / "minirelay.toml"
    path.write_text(content)
    return load(file_layer(path))


def test_with_everything_commented_out_it_says_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, documented({}, [1])) == Settings(
        chains=loaded(tmp_path, documented({}, [1])).chains
    )


def test_what_is_given_is_set(tmp_path: Path) -> None:
    settings = loaded(tmp_path, documented(SETTINGS_OF_ONE, [10]))
    assert settings.base_url == "https://relay.example.org"
    assert settings.limits.max_sessions == 7
    assert settings.development
    assert len(settings.chain(10).rpc_urls) == 2
    assert set(settings.origins) == set(SETTINGS_OF_ONE)


def test_every_setting_is_in_it_and_can_be_uncommented(tmp_path: Path) -> None:
    content = documented({}, [1])
    lines = content.splitlines()
    for setting in SETTINGS:
        field = setting.name.rpartition(".")[2]
        assert any(line.startswith(f"# {field} = ") for line in lines), setting.name
    with_values = [re.sub(r"^# (?=[a-z_0-9]+ = \S)", "", line) for line in lines]
    assert len([one for one in SETTINGS if ANY_ID in one.name]) > 5
    changed = loaded(tmp_path, "\n".join(with_values))
    for setting in SETTINGS:
        name = setting.name.replace(ANY_ID, "1")
        assert changed.value(name) == Settings().value(name), name


def test_it_fits_a_terminal() -> None:
    assert max(map(len, documented({}, [1]).splitlines())) <= WIDTH


@given(st.text())
def test_any_text_is_written_so_that_it_can_be_read(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert tomllib.loads(f"x = {toml(text)}")["x"] == text


@pytest.mark.parametrize("value", [True, False, 0, 12, 1.5, ["a", "b"], []])
def test_other_values_are_too(value: object) -> None:
    assert tomllib.loads(f"x = {toml(value)}")["x"] == value
