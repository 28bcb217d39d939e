"""Flags for settings."""

import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.config.settings import SETTINGS, Settings
from minirelay.errors import ConfigError


def settings_of(*arguments: str) -> tuple[Settings, object]:
    found: list[Any] = []

    @click.command(cls=CommandWithSettings)
    @click.option("--own")
    def probe(own: str | None, **given: Any) -> None:
        found.append((read_settings(given), own))

    result = CliRunner().invoke(probe, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MINIRELAY_"):
            monkeypatch.delenv(name)


def test_settings_have_flags_of_their_own() -> None:
    settings, own = settings_of("--listen-port", "9", "--log-format", "json", "--own", "x")
    assert (settings.listen_port, settings.log_format, own) == (9, "json", "x")
    assert settings.origin("listen_port") == "a flag"
    assert settings.origin("base_url") == "default"


def test_any_setting_can_be_set_by_its_full_name() -> None:
    settings, _ = settings_of(
        "--set",
        "limits.max_sessions=7",
        "--set",
        "chains.5.rpc_urls=http://a,http://b",
        "--set",
        "base_url=http://x/a=y",
    )
    assert settings.limits.max_sessions == 7
    assert settings.chain(5).rpc_urls == ("http://a", "http://b")


def test_flags_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "minirelay.toml"
    path.write_text("listen_port = 1\nregistry_chain = 1\nping_interval = 1\n")
    monkeypatch.setenv("MINIRELAY_LISTEN_PORT", "2")
    monkeypatch.setenv("MINIRELAY_REGISTRY_CHAIN", "2")
    settings, _ = settings_of("--config", str(path), "--listen-port", "3")
    assert (settings.listen_port, settings.registry_chain, settings.ping_interval) == (3, 2, 1.0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--set", "limits.max_sessions"], "expected NAME=VALUE"),
        (["--set", "limits.max_session=1"], r"did you mean limits\.max_sessions"),
        (["--listen-port", "x"], r'listen_port \(a flag\): "x": expected a whole number'),
        (["--config", "/no/such/file"], "No such file"),
    ],
)
def test_what_is_wrong(arguments: list[str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        settings_of(*arguments)


def test_help_has_every_setting_that_has_a_flag() -> None:
    @click.command(cls=CommandWithSettings)
    def probe(**_given: Any) -> None:
        """Do nothing."""

    text = CliRunner().invoke(probe, ["--help"]).output
    for setting in SETTINGS:
        assert (f"--{setting.name.replace('_', '-')} " in text) == ("." not in setting.name)


def test_a_command_may_have_flags_for_some_settings_only() -> None:
    found: list[Settings] = []

    @click.command(cls=CommandWithSettings, settings=("data_dir",))
    def probe(**given: Any) -> None:
        found.append(read_settings(given))

    result = CliRunner().invoke(
        probe, ["--data-dir", "/a", "--set", "log_level=error"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    assert (str(found[0].data_dir), found[0].log_level) == ("/a", "error")
    assert CliRunner().invoke(probe, ["--listen-port", "1"]).exit_code == 2
    assert "--listen-port" not in CliRunner().invoke(probe, ["--help"]).output
