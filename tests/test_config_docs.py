"""docs/settings.md has every setting as it is in `minirelay/config/`."""

import re
from pathlib import Path

import pytest

from minirelay.config.setting import Setting
from minirelay.config.settings import SETTINGS

DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([a-z_.<>]+)` \| (.*) \| (.*) \|$", re.MULTILINE)


def documented() -> dict[str, tuple[str, str]]:
    return {name: (default, meaning) for name, default, meaning in ROW.findall(DOCUMENT.read_text())}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: str(setting.name))
def test_every_setting_is_documented_with_its_default_and_help(setting: Setting) -> None:
    assert documented().get(setting.name) == (setting.show(setting.default), setting.help)


def test_nothing_else_is_documented() -> None:
    assert set(documented()) == {setting.name for setting in SETTINGS}
