"""The section `anchoring`: writing shops' root hashes to the registry chain."""

from typing import Annotated

import msgspec
from msgspec import Meta

from minirelay.config.money import Coins
from minirelay.config.quantities import AtLeastNone, PositiveSeconds, Seconds
from minirelay.errors import ConfigError


class AnchoringSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Writing shops' root hashes to the registry chain."""

    enabled: Annotated[bool, Meta(description="write the root hashes of shops that list this relay")] = False
    sets: Annotated[
        AtLeastNone,
        Meta(description="write a shop's root hash after so many patch sets; 0: not by their number"),
    ] = 1000
    interval: Annotated[
        Seconds,
        Meta(description="write it so long after the last time if there are new ones; 0: not by time"),
    ] = Seconds(86_400)
    timeout: Annotated[
        PositiveSeconds,
        Meta(description="how long a transaction may wait, until it is replaced by one with higher fees"),
    ] = PositiveSeconds(300)
    fee_per_transaction: Annotated[
        Coins, Meta(description="coins that one transaction may cost at most, the one that replaces it, too")
    ] = Coins("0.001")
    fee_per_day: Annotated[
        Coins, Meta(description="coins that all transactions of a day (UTC) may cost at most, together")
    ] = Coins("0.01")

    def check(self) -> None:
        """Check what goes together. Raises ConfigError."""
        if self.enabled and not (self.sets or self.interval):
            raise ConfigError(
                "anchoring.sets, anchoring.interval: one has to be above 0, or nothing is ever written"
            )
