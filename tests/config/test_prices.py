"""Where rates come from."""

import pytest

from minirelay.config.money import Factor
from minirelay.config.prices import PriceSettings
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError


def test_fixed_rates_need_their_factor() -> None:
    Settings(prices=PriceSettings(source="fixed", factor=Factor.parse("1500/1"))).check_payments()
    with pytest.raises(ConfigError, match=r"prices\.factor"):
        Settings(prices=PriceSettings(source="fixed")).require_serving()
