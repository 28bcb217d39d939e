"""The bounds on the outside have the values of spec 01 and 05."""

import pytest

from minirelay.config import SETTINGS, LimitSettings
from minirelay.config_loading import fixed_layer, load
from minirelay.config_outside import OutsideLimits
from minirelay.errors import ConfigError


def test_defaults_of_the_protocol() -> None:
    limits = OutsideLimits()
    assert (limits.sessions_per_address, limits.connections_per_address) == (256, 256)
    assert (limits.silent_connections_per_address, limits.first_request_timeout) == (32, 10.0)
    assert limits.reserved_files == 64


def test_they_are_limits_like_the_others() -> None:
    names = {setting.name for setting in SETTINGS}
    assert {f"limits.{name}" for name in OutsideLimits.__struct_fields__} <= names
    assert issubclass(LimitSettings, OutsideLimits)


@pytest.mark.parametrize("name", ["first_request_timeout", "idle_timeout", "body_timeout"])
def test_no_time_at_all_would_let_nobody_in(name: str) -> None:
    with pytest.raises(ConfigError, match="more than no time"):
        load(fixed_layer("test", **{f"limits__{name}": "0s"}))


def test_zero_is_no_limit_of_an_address() -> None:
    assert load(fixed_layer("test", limits__connections_per_address=0)).limits.connections_per_address == 0
