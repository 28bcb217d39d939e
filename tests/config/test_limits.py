"""The bounds on the outside have the values of spec 01 and 05."""

import pytest

from minirelay.config.limits import LimitSettings
from minirelay.config.loading import fixed_layer, load
from minirelay.errors import ConfigError


def test_defaults_of_the_protocol() -> None:
    limits = LimitSettings()
    assert (limits.sessions_per_address, limits.connections_per_address) == (256, 256)
    assert (limits.silent_connections_per_address, limits.first_request_timeout) == (32, 10.0)
    assert limits.reserved_files == 64


@pytest.mark.parametrize("name", ["first_request_timeout", "idle_timeout", "body_timeout"])
def test_no_time_at_all_would_let_nobody_in(name: str) -> None:
    with pytest.raises(ConfigError, match="more than no time"):
        load(fixed_layer("test", **{f"limits__{name}": "0s"}))


def test_zero_is_no_limit_of_an_address() -> None:
    assert load(fixed_layer("test", limits__connections_per_address=0)).limits.connections_per_address == 0
