"""docs/settings.md has every setting as it is in `minirelay/config/`."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from minirelay.config.setting import Setting
from minirelay.config.settings import SETTINGS

DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([a-z0-9_.<>]+)` \| ([^|]*) \| ([^|]*) \|(?: ([^|]+) \|)?$", re.MULTILINE)
FIXED = re.compile(
    r"^\| [^|]+ \| ([0-9.]+)( KiB| MiB| s)? \| [^|]+ \| `([a-z0-9_.]+)\.([A-Z_]+)` \|$", re.MULTILINE
)
UNITS = {"": 1, " s": 1, " KiB": 2**10, " MiB": 2**20}


def documented() -> dict[str, tuple[str, str]]:
    return {name: (default, meaning) for name, default, meaning, _ in ROW.findall(DOCUMENT.read_text())}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: str(setting.name))
def test_every_setting_is_documented_with_its_default_and_help(setting: Setting) -> None:
    assert documented().get(setting.name) == (setting.show(setting.default), setting.help)


def test_nothing_else_is_documented() -> None:
    assert set(documented()) == {setting.name for setting in SETTINGS}


def test_every_limit_has_its_reason() -> None:
    reasons = {name: reason for name, _, _, reason in ROW.findall(DOCUMENT.read_text())}
    limits = [setting.name for setting in SETTINGS if setting.name.startswith("limits.")]
    assert [name for name in limits if len(reasons[name].split()) < 3] == []


def fixed_bounds() -> list[tuple[str, str, str, str]]:
    return FIXED.findall(DOCUMENT.read_text().partition("## Fixed bounds")[2].partition("\n## ")[0])


@pytest.mark.parametrize(("number", "unit", "module", "name"), fixed_bounds())
def test_a_fixed_bound_is_what_the_code_has(number: str, unit: str, module: str, name: str) -> None:
    assert getattr(import_module(f"minirelay.{module}"), name) == float(number) * UNITS[unit]


def test_every_row_of_the_fixed_bounds_is_compared() -> None:
    table = DOCUMENT.read_text().partition("## Fixed bounds")[2].partition("\n## ")[0]
    assert len(fixed_bounds()) == len(re.findall(r"^\|", table, re.MULTILINE)) - 2 > 30
