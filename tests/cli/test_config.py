"""`minirelay config`: effective settings and their origin, without secrets."""

import json
from pathlib import Path

from minirelay.chain.token_memory import TokenMemory
from minirelay.config.settings import Settings
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.meta_table import MetaTable
from tests.cli.commands import assert_one_line, minirelay


def test_every_setting_with_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "minirelay.toml"
    path.write_text('listen_port = 7\n[chains.1]\nrpc_urls = ["https://user:word@rpc.example/KEY"]\n')
    outcome = minirelay("config", "--config", str(path), "--base-url", "http://x", LOG_LEVEL="debug")
    assert outcome.code == 0
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in outcome.out.splitlines()}
    assert list(rows) == Settings().names()
    assert rows["listen_port"] == f"7  ({path})"
    assert rows["base_url"] == "http://x  (a flag)"
    assert rows["log_level"] == "debug  (MINIRELAY_LOG_LEVEL (environment))"
    assert rows["kick_timeout"] == "45s  (default)"
    assert rows["chains.1.rpc_urls"] == f"https://rpc.example  ({path})"
    assert "KEY" not in outcome.out
    assert "word" not in outcome.out


def test_the_defaults_fit_the_terminal() -> None:
    assert max(map(len, minirelay("config").out.splitlines())) <= 80


def test_json() -> None:
    outcome = minirelay(
        "config", "--json", LIMITS_MAX_SESSIONS="9", CHAINS_1_RPC_URLS="https://rpc.example/KEY"
    )
    content = json.loads(outcome.out)
    assert content["limits.max_sessions"] == {
        "value": 9,
        "origin": "MINIRELAY_LIMITS_MAX_SESSIONS (environment)",
    }
    assert "KEY" not in outcome.out
    values = {name: one["value"] for name, one in content.items()}
    assert values["base_url"] is None
    assert values["shops"] == []
    assert values["development"] is False
    assert values["ping_interval"] == 15
    assert values["limits.shop_memory"] == 2**28
    assert values["limits.connection_rate"] == 10
    assert values["chains.1.rpc_urls"] == ["https://rpc.example"]
    assert str(values["chains.1.shop_reg"]).startswith("0x")


def test_an_id_is_text_in_json() -> None:
    outcome = minirelay("config", "--json", "--relay-token-id", str(2**256 - 1), "--shops", "0x10")
    content = json.loads(outcome.out)
    assert content["relay_token_id"]["value"] == str(2**256 - 1)
    assert content["shops"]["value"] == ["16"]


def test_wrong_settings_are_one_line() -> None:
    outcome = minirelay("config", LISTEN_PORT="x")
    assert_one_line(outcome, 2, 'listen_port (MINIRELAY_LISTEN_PORT (environment)): "x": expected a whole')
    assert_one_line(minirelay("config", LISTEN_PROT="1"), 2, "did you mean MINIRELAY_LISTEN_PORT?")


async def test_a_token_that_is_remembered_is_shown_with_its_origin(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, "full") as store:
        await TokenMemory(MetaTable(store)).set_owned(77)
    shown = f"0x{77:064x}"
    outcome = minirelay("config", "--data-dir", str(tmp_path))
    (row,) = [line for line in outcome.out.splitlines() if line.startswith("relay_token_id")]
    assert row.split(maxsplit=1)[1] == f"{shown}  (remembered in {tmp_path / FILE_NAME})"
    content = json.loads(minirelay("config", "--json", "--data-dir", str(tmp_path)).out)
    assert content["relay_token_id"] == {"value": shown, "origin": f"remembered in {tmp_path / FILE_NAME}"}
    # What is set is what counts.
    outcome = minirelay("config", "--data-dir", str(tmp_path), "--relay-token-id", "5")
    assert "relay_token_id       5  (a flag)" in outcome.out
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    outcome = minirelay("config", "--data-dir", str(tmp_path))
    assert outcome.code == 0
    (row,) = [line for line in outcome.out.splitlines() if line.startswith("relay_token_id")]
    assert "not set  (default; " in row
    assert FILE_NAME in row
