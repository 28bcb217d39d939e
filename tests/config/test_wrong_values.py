"""Each setting, wherever it is set, names a wrong value: which, where, what was written, what is wanted."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from minirelay.config.loading import Layer, environment_layer, file_layer, flag_layer, load
from minirelay.config.setting import ANY_ID, Setting
from minirelay.config.settings import SETTINGS, variable_of
from minirelay.errors import ConfigError

WRONG = "?!"
WANTED = re.compile(r"expected |is no unit|is between|no address or range|needs|no such|must|is no ")
TAKE_ANY_TEXT = {"listen_host"}


def name_of(setting: Setting) -> str:
    return setting.name.replace(ANY_ID, "7")


def takes_any_text(setting: Setting) -> bool:
    return setting.name in TAKE_ANY_TEXT or "Path" in str(setting.type)


def in_file(tmp_path: Path, name: str, value: str) -> Layer:
    table, _, field = name.rpartition(".")
    file = tmp_path / "minirelay.toml"
    file.write_text(f"[{table}]\n{field} = {value}\n" if table else f"{field} = {value}\n")
    return file_layer(file)


def complaint(layer: Callable[[], Layer]) -> str:
    with pytest.raises(ConfigError) as refused:
        load(layer())
    assert refused.value.__cause__ is None, "a chained error would show secrets in a log"
    message = str(refused.value)
    assert "\n" not in message
    return message


def check(setting: Setting, message: str, origin: str, written: str) -> None:
    assert message.startswith(f"{name_of(setting)} ({origin}): ")
    told = message.partition("): ")[2]
    assert WANTED.search(told), told
    assert "msgspec" not in told
    assert "`" not in told
    assert (written in told) is not setting.is_secret, told


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("value", ['"?!"', "1979-05-27", "[[1]]", "nan", "inf"])
def test_in_the_file(setting: Setting, value: str, tmp_path: Path) -> None:
    if value == '"?!"' and (takes_any_text(setting) or setting.is_list):
        return
    message = complaint(lambda: in_file(tmp_path, name_of(setting), value))
    check(setting, message, str(tmp_path / "minirelay.toml"), value.strip("[]"))


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS if not takes_any_text(one)], ids=lambda setting: setting.name
)
def test_in_the_environment_and_as_a_flag(setting: Setting) -> None:
    name = name_of(setting)
    variable = variable_of(name)
    message = complaint(lambda: environment_layer({variable: WRONG}))
    check(setting, message, f"{variable} (environment)", WRONG)
    check(setting, complaint(lambda: flag_layer({name: WRONG})), "a flag", WRONG)
