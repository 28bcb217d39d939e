"""The section `prices`: what a currency is worth in another one."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from minirelay.config.money import Factor
from minirelay.config.urls import EndpointUrl
from minirelay.errors import ConfigError


class PriceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a currency is worth in another one."""

    source: Annotated[
        Literal["none", "fixed", "coingecko"],
        Meta(
            description="where rates come from: none: only the pricing currency can be chosen; fixed: "
            "`prices.factor`; coingecko: the market"
        ),
    ] = "none"
    factor: Annotated[
        Factor | None,
        Meta(description="with source fixed: the rate, the same in every direction, like 1500/1"),
    ] = None
    url: Annotated[EndpointUrl, Meta(description="with source coingecko: URL of its API")] = EndpointUrl(
        "https://api.coingecko.com/api/v3"
    )
    key_file: Annotated[
        Path | None,
        Meta(description="with source coingecko: file with the key of a demo account; unset: none"),
    ] = None
    max_change: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="with source coingecko: percent that a price may be away from the last one; a price "
            "beyond it counts only when it has stayed for 10 minutes",
        ),
    ] = 20

    def check(self) -> None:
        """Check what goes together. Raises ConfigError."""
        if self.source == "fixed" and self.factor is None:
            raise ConfigError('not configured: prices.factor, which prices.source = "fixed" needs')
