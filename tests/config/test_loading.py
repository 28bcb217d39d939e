"""Reading settings: layers, names, and errors of one line."""

import re
from pathlib import Path

import pytest

from minirelay.config.loading import (
    environment_layer,
    file_layer,
    fixed_layer,
    flag_layer,
    load,
    load_from_outside,
)
from minirelay.config.networks import Network
from minirelay.config.setting import Setting
from minirelay.config.settings import SETTINGS
from minirelay.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "minirelay.toml"
    path.write_text(text)
    return path


def test_flags_override_the_environment_which_overrides_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "listen_port = 1\nping_interval = 1\n[limits]\nmax_sessions = 1\n")
    settings = load_from_outside(
        file=path,
        environ={"MINIRELAY_LISTEN_PORT": "2", "MINIRELAY_LIMITS_MAX_SESSIONS": "2"},
        flags={"limits.max_sessions": "3", "base_url": None},
    )
    assert (settings.ping_interval, settings.listen_port, settings.limits.max_sessions) == (1.0, 2, 3)
    assert settings.origin("ping_interval") == str(path)
    assert settings.origin("listen_port") == "MINIRELAY_LISTEN_PORT (environment)"
    assert settings.origin("limits.max_sessions") == "a flag"
    assert settings.origin("base_url") == "default"


def test_a_base_stands_in_for_the_defaults(tmp_path: Path) -> None:
    base = fixed_layer("minirelay dev", development=True, limits__connection_rate=0, data_dir=tmp_path)
    settings = load_from_outside(
        file=None, environ={"MINIRELAY_LIMITS_CONNECTION_RATE": "5"}, flags={}, base=base
    )
    assert settings.development
    assert settings.data_dir == tmp_path
    assert settings.limits.connection_rate == 5
    assert settings.origin("development") == "minirelay dev"


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "listen_port = 7\n")
    settings = load_from_outside(file=None, environ={"MINIRELAY_CONFIG": str(path)}, flags={})
    assert settings.listen_port == 7


def test_chains_from_the_file_and_from_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path, '[chains.1]\nrpc_urls = ["http://a", "http://b"]\n')
    settings = load(
        file_layer(path),
        environment_layer({"MINIRELAY_CHAINS_31337_RPC_URLS": "http://c, http://d http://e"}),
    )
    assert settings.chain(1).rpc_urls == ("http://a", "http://b")
    assert settings.chain(31337).rpc_urls == ("http://c", "http://d", "http://e")
    assert settings.chain(5).rpc_urls == ()


def test_words_of_the_environment_become_values() -> None:
    settings = load(
        environment_layer(
            {
                "MINIRELAY_DEVELOPMENT": "true",
                "MINIRELAY_RELAY_TOKEN_ID": "0xff",
                "MINIRELAY_TRUSTED_PROXIES": "10.0.0.0/8,::1",
                "MINIRELAY_SHOPS": str(2**256 - 1),
                "MINIRELAY_PING_INTERVAL": "250ms",
                "MINIRELAY_LOG_LEVEL": "",
                "HOME": "/root",
            }
        )
    )
    assert settings.development
    assert settings.relay_token_id == 255
    assert settings.trusted_proxies == (Network.parse("10.0.0.0/8"), Network.parse("::1"))
    assert settings.shops == (2**256 - 1,)
    assert (settings.ping_interval, settings.kick_timeout) == (0.25, 0.75)
    assert settings.log_level == "info"


def test_the_file_has_numbers_for_numbers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"listen_port .*\"80\": expected a whole number from 0 to 65535"):
        load(file_layer(write(tmp_path, 'listen_port = "80"\n')))


def message_of(flags: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as error:
        load(flag_layer(flags))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_unknown_names_are_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    assert message_of({"log_levl": "x"}) == "log_levl (a flag): no such setting; did you mean log_level?"
    assert "did you mean limits.max_sessions?" in message_of({"limits.max_session": 3})
    assert "did you mean chains.<id>.rpc_urls?" in message_of({"chains.main.rpc_url": 3})
    assert "docs/settings.md" in message_of({"zzzzzz": 3})
    path = write(tmp_path, "[limits]\nmax_sesions = 3\n")
    with pytest.raises(ConfigError, match=r"limits.max_sesions \(.*minirelay.toml\): no such setting"):
        file_layer(path)
    with pytest.raises(ConfigError, match="did you mean MINIRELAY_BASE_URL"):
        environment_layer({"MINIRELAY_BASEURL": "x"})
    with pytest.raises(ConfigError, match="MINIRELAY_CHAINS_1_RPC"):
        environment_layer({"MINIRELAY_CHAINS_1_RPC": "x"})
    with pytest.raises(ConfigError, match="MINIRELAY_CHAINS_X_RPC_URLS"):
        environment_layer({"MINIRELAY_CHAINS_X_RPC_URLS": "x"})


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"log_level": "loud"}, 'log_level (a flag): "loud": expected one of debug, info, warning, error'),
        ({"listen_port": "70000"}, 'listen_port (a flag): "70000": expected a whole number from 0 to 65535'),
        (
            {"limits.max_sessions": "0"},
            'limits.max_sessions (a flag): "0": expected a whole number from 1',
        ),
        ({"development": "perhaps"}, 'development (a flag): "perhaps": expected true or false'),
        ({"base_url": "here"}, 'base_url (a flag): "here": expected a URL like "https://relay.example"'),
        (
            {"trusted_proxies": "10.0.0.0/8,me"},
            'trusted_proxies (a flag): "10.0.0.0/8,me": no address',
        ),
    ],
)
def test_wrong_values_say_where_and_what_is_expected(flags: dict[str, object], expected: str) -> None:
    assert message_of(flags).startswith(expected)


def test_secrets_are_not_repeated_in_errors() -> None:
    assert "KEY" not in message_of({"chains.1.rpc_urls": "wss://rpc.example/KEY"})
    assert "KEY" not in message_of({"chains.1.rpc_urls": "rpc.example/KEY"})


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"listen_port = ", "not a TOML file"), (b'base_url = "\xff"', "not UTF-8"), (None, "No such file")],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "minirelay.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=expected) as error:
        file_layer(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_from_outside(file=tmp_path / "missing.toml", environ={}, flags={})


def test_the_example_in_the_documentation_can_be_used(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    settings = load(file_layer(write(tmp_path, example)))
    settings.require_serving()
    assert len(settings.chain(1).rpc_urls) == 2


def test_without_anything_the_defaults_hold() -> None:
    settings = load_from_outside(file=None, environ={}, flags={})
    assert settings.listen_port == 4444


def test_what_was_written_is_shown_but_never_a_secret() -> None:
    long = message_of({"listen_port": "9" * 500})
    assert '"999' in long
    assert len(long) < 200
    assert "s3cret" not in message_of({"chains.1.rpc_urls": "ftp://user:s3cret@rpc.example/"})


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_says_in_words_what_it_wants(setting: Setting) -> None:
    assert not re.search(r"\b(int|str|float|bool|array|object)\b", setting.wanted)
