"""The settings as data."""

from pathlib import Path

import pytest

from minirelay.config.chain_values import Address
from minirelay.config.chains import ChainSettings
from minirelay.config.quantities import Seconds
from minirelay.config.setting import Setting
from minirelay.config.settings import SETTINGS, Settings, find, variable_of
from minirelay.errors import ConfigError


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: str(setting.name))
def test_help_is_one_line(setting: Setting) -> None:
    assert setting.help
    assert "\n" not in setting.help


def test_defaults_of_the_protocol() -> None:
    settings = Settings()
    limits = settings.limits
    assert (settings.ping_interval, settings.kick_timeout, settings.clock_skew) == (15.0, 45.0, 300.0)
    assert (limits.connection_rate, limits.connection_burst, limits.max_sessions) == (10, 50, 4096)
    assert (limits.enrolment_rate, limits.enrolment_burst, limits.guest_cards_per_shop) == (2, 50, 100_000)
    assert (limits.subscriptions_per_session, limits.frame_size) == (32, 2 * 1024 * 1024)
    assert (limits.open_requests, limits.unacknowledged_pushes) == (1024, 1024)


def test_kick_timeout_is_three_ping_intervals_unless_set() -> None:
    assert Settings(ping_interval=Seconds(2)).kick_timeout == 6.0
    assert Settings(ping_interval=Seconds(2), kick_timeout=Seconds(5)).kick_timeout == 5.0


def test_value_finds_settings_by_their_full_name() -> None:
    chain = ChainSettings(shop_reg=Address(bytes(20)))
    settings = Settings(registry_chain=5, chains={7: chain})
    assert settings.value("registry_chain") == 5
    assert settings.value("limits.max_sessions") == 4096
    assert settings.value("chains.7.shop_reg") == bytes(20)
    assert settings.value("chains.5.rpc_urls") == ()


def test_names_hold_those_of_each_known_chain() -> None:
    names = Settings(registry_chain=5, chains={7: ChainSettings()}).names()
    assert "base_url" in names
    assert "chains.5.rpc_urls" in names
    assert "chains.7.payments" in names
    assert not any("<" in name for name in names)


def test_find_knows_chains_by_their_id_only() -> None:
    assert find("chains.31337.rpc_urls") is find("chains.1.rpc_urls") is not None
    for name in ("chains.<id>.rpc_urls", "chains.x.rpc_urls", "chains.0.rpc_urls", "chains.1.nothing", "max"):
        assert find(name) is None


def test_variables_are_named_after_the_full_name() -> None:
    assert variable_of("limits.max_sessions") == "MINIRELAY_LIMITS_MAX_SESSIONS"


def test_variables_differ() -> None:
    assert len({variable_of(setting.name) for setting in SETTINGS}) == len(SETTINGS)


def test_serving_needs_three_settings_and_names_them() -> None:
    with pytest.raises(ConfigError) as error:
        Settings(registry_chain=17).require_serving()
    assert "base_url, wallet_key_file, chains.17.rpc_urls" in str(error.value)
    assert "MINIRELAY_CHAINS_17_RPC_URLS" in str(error.value)
    assert "\n" not in str(error.value)


def test_serving_names_only_what_is_missing() -> None:
    with pytest.raises(ConfigError) as error:
        Settings(wallet_key_file=Path("key")).require_serving()
    assert "wallet_key_file" not in str(error.value)
