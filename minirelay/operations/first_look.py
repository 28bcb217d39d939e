"""What the endpoints of a relay's registry chain say before there is a relay: for who sets one up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import Endpoint, http_endpoints, open_http
from minirelay.chain.errors import EndpointFailure
from minirelay.chain.fee_forecast import Fees, forecast
from minirelay.config.settings import Settings
from minirelay.errors import ChainError, ConfigError, MalformedInput
from minirelay.operations.checks.contracts import check_contracts
from minirelay.operations.checks.endpoints import MOST_ENDPOINTS, TIMEOUT_S
from minirelay.operations.checks.result import Result, Verdict
from minirelay.protocol.json_rpc import Request, RpcError, read_quantity

LIMIT_S: Final = 15.0
"""What it all may take."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What was found. fees: None, with the doubt why, if nobody gave them. missing: what is not there."""

    fees: Fees | None = None
    doubt: str = ""
    missing: tuple[Result, ...] = ()


async def look_first(settings: Settings) -> FirstLook:
    """Ask the registry chain for fees and contracts. Raises ConfigError for an endpoint of another chain."""
    try:
        async with asyncio.timeout(LIMIT_S):
            return await _look(settings)
    except (ChainError, TimeoutError) as error:
        return FirstLook(doubt=str(error) or "no answer in time")


async def _look(settings: Settings) -> FirstLook:
    chain_id = settings.registry_chain
    chain = settings.chain(chain_id)
    async with open_http() as http:
        endpoints = http_endpoints(
            chain.rpc_urls[:MOST_ENDPOINTS], http, timeout_s=TIMEOUT_S, allows_plain=chain.allow_plain_http
        )
        await _refuse_others(chain_id, endpoints)
        found = await check_contracts(Chain(chain_id, endpoints), settings)
    missing = tuple(one for one in found if one.verdict is not Verdict.OK)
    return FirstLook(await forecast(chain_id, chain), missing=missing)


async def _refuse_others(chain_id: int, endpoints: Sequence[Endpoint]) -> None:
    answers = await asyncio.gather(*map(_chain_of, endpoints))
    for endpoint, found in zip(endpoints, answers, strict=True):
        if found not in (None, chain_id):
            raise ConfigError(
                f"the endpoint {endpoint.name} is on chain {found}, not {chain_id}: give the URL of one of "
                f"chain {chain_id}, or --chain {found}"
            )


async def _chain_of(endpoint: Endpoint) -> int | None:
    """Return which chain an endpoint says that it is of; None if it does not say."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer = await endpoint.ask(Request("eth_chainId"))
            return None if isinstance(answer, RpcError) else read_quantity(answer.value)
    except (TimeoutError, EndpointFailure, MalformedInput):
        return None
