"""The sections `chains`: what is to be known about each chain."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from minirelay.config.chain_values import Address, Confirmations, Uint256
from minirelay.config.money import Coins, LargeTotal
from minirelay.config.quantities import AtLeastNone, PositiveSeconds, Seconds
from minirelay.config.urls import EndpointUrl
from minirelay.errors import ConfigError
from minirelay.protocol.addresses import (
    MULTICALL_ADDRESS,
    PAYMENTS_ADDRESS,
    PERMIT2_ADDRESS,
    RELAY_REG_ADDRESS,
    SHOP_REG_ADDRESS,
)

DEVELOPMENT_CHAINS: Final = frozenset({31337, 1337})
"""Ids that local nodes give their chains: what is there is worth nothing."""


class ChainSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known about one chain."""

    rpc_urls: Annotated[
        tuple[EndpointUrl, ...],
        Meta(description="JSON-RPC endpoints, in order of preference", extra={"is_secret": True}),
    ] = ()
    allow_plain_http: Annotated[
        bool, Meta(description="ask endpoints without TLS outside of private networks, too")
    ] = False
    shop_reg: Annotated[Address, Meta(description="address of the ShopReg contract")] = Address(
        SHOP_REG_ADDRESS
    )
    relay_reg: Annotated[Address, Meta(description="address of the RelayReg contract")] = Address(
        RELAY_REG_ADDRESS
    )
    payments: Annotated[Address, Meta(description="address of the Payments contract")] = Address(
        PAYMENTS_ADDRESS
    )
    multicall: Annotated[
        Address, Meta(description="address of Multicall3, which reads many balances in one call")
    ] = Address(MULTICALL_ADDRESS)
    permit2: Annotated[
        Address, Meta(description="address of the Permit2 contract that Payments was deployed with")
    ] = Address(PERMIT2_ADDRESS)
    development: Annotated[
        bool | None,
        Meta(description="a development chain; unset: true for 31337 and 1337. Needs development mode"),
    ] = None
    poll_interval: Annotated[
        Seconds, Meta(description="how often the chain is looked at; 0: 4s, a development chain 500ms")
    ] = Seconds(0)
    poll_requests: Annotated[
        int, Meta(ge=8, description="HTTP requests of one look at most; what doesn't fit goes on at the next")
    ] = 10
    confirmations: Annotated[
        Confirmations | None,
        Meta(
            description="depth from which a block counts, 1: included; or safe, or finalized. Unset: 1 for a "
            "development chain, 3 for Ethereum and OP-stack chains, 20 for Arbitrum, 32 for Polygon, else 12"
        ),
    ] = None
    large_total: Annotated[
        tuple[LargeTotal, ...],
        Meta(
            description="sums from which a payment also needs a second endpoint's word: coin=2.5, or a "
            "token's address=units; coin=2.5/30: and 30 confirmations"
        ),
    ] = ()
    start_block: Annotated[
        Uint256 | None,
        Meta(
            description="block from which a chain is read that never was, that of the contracts, say; unset: "
            "`start_margin`"
        ),
    ] = None
    start_margin: Annotated[
        AtLeastNone, Meta(description="how many blocks before the head a chain is read that never was")
    ] = 128
    max_lag: Annotated[
        PositiveSeconds,
        Meta(description="how long a chain may not be read up to its head, until `/ready` says so"),
    ] = PositiveSeconds(300)
    allow_unsweepable: Annotated[
        bool,
        Meta(description="take payments in tokens that can't be moved on from the address they are paid to"),
    ] = False
    sweep_gas_coin: Annotated[
        int, Meta(ge=21_000, le=30_000_000, description="gas limit of a sweep of the chain's coin")
    ] = 300_000
    sweep_gas_token: Annotated[
        int, Meta(ge=21_000, le=30_000_000, description="gas limit of a sweep of a token")
    ] = 500_000
    sweep_fee: Annotated[
        Coins, Meta(description="what one sweep may cost at most, in the chain's coin: 0.05, say")
    ] = Coins("0.05")
    sweep_fees_per_day: Annotated[
        Coins, Meta(description="what the sweeps of a day (UTC) may cost at most, all together")
    ] = Coins("0.5")
    auto_sweep: Annotated[
        Literal["off", "over", "paid"],
        Meta(
            description="what is swept by itself: over: tokens that were paid over, before their time ends; "
            "paid: all that is paid"
        ),
    ] = "over"

    def check(self, chain_id: int, *, is_development: bool) -> None:
        """Check what goes together. is_development: the relay is in development mode. Raises ConfigError."""
        if self.development and not is_development:
            raise ConfigError(
                f"chains.{chain_id}.development: only in development mode (development = true), "
                "since what is paid on such a chain is worth nothing"
            )
