"""What the transactions of the relay will cost, before its wallet has anything to plan them with."""

from dataclasses import dataclass
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.config.chains import ChainSettings

_MINT_GAS: Final = 300_000
"""More than minting the relay's token takes."""

_ROOM: Final = 2
"""Fees may double until a transaction is mined; what is not needed is not spent."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What it costs at most, in wei: registering the relay, and sweeping one payment."""

    registering: int
    sweep: int


async def forecast(chain_id: int, settings: ChainSettings) -> Fees:
    """Ask the endpoints of a chain for their fees. Raises ChainUnreachable."""
    async with open_http() as http:
        endpoints = http_endpoints(settings.rpc_urls, http, allows_plain=settings.allow_plain_http)
        price = await Chain(chain_id, endpoints).quantity("eth_gasPrice")
    return Fees(cost_of_registering(price), price * _ROOM * settings.sweep_gas_coin)


def cost_of_registering(gas_price: int) -> int:
    """Return what registering costs at most, in wei. gas_price: in wei."""
    return gas_price * _ROOM * _MINT_GAS
