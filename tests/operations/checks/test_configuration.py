from pathlib import Path

import pytest

from minirelay.config.loading import file_layer, fixed_layer, load
from minirelay.config.settings import Settings
from minirelay.operations.checks.configuration import check_settings
from minirelay.operations.checks.result import Verdict

CONTENT = """base_url = "https://relay.example.org"
wallet_key_file = "/nowhere/wallet.key"
registry_chain = 10
chains.10.rpc_urls = ["http://127.0.0.1:1"]
"""


def settings_of(path: Path) -> Settings:
    return load(file_layer(path), fixed_layer("a flag", log_level="error"))


def test_the_file_is_named_also_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "minirelay.toml").write_text(CONTENT)
    monkeypatch.chdir(tmp_path)
    found = check_settings(settings_of(Path("minirelay.toml")))
    assert (found.verdict, found.text) == (Verdict.OK, "complete; read from minirelay.toml")
    found = check_settings(settings_of(tmp_path / "minirelay.toml"))
    assert found.text == f"complete; read from {tmp_path / 'minirelay.toml'}"
