"""Whether a chain's endpoints are of that chain, at its head and give logs, and what their clocks say."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from minirelay.chain.endpoint import Endpoint, http_endpoints, open_http
from minirelay.chain.errors import EndpointFailure
from minirelay.config.chains import ChainSettings
from minirelay.config.settings import Settings
from minirelay.errors import MalformedInput
from minirelay.operations.checks.result import Line, Result, fail, ok, warn
from minirelay.protocol.addresses import ZERO_ADDRESS
from minirelay.protocol.json_rpc import Request, RpcError, read_quantity, write_data

TIMEOUT_S: Final = 4.0
MOST_ENDPOINTS: Final = 16
"""So many of a chain are asked."""

LOG_RANGES: Final = (1000, 100, 10, 1)
"""How many blocks' logs are asked for together; providers differ."""

FEW_BLOCKS: Final = 10
MOST_BEHIND: Final = 5
"""Blocks that an endpoint may be behind another one; they never are at the same one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an endpoint said. chain_id, head, head_time (epoch seconds): None where it did not say.

    log_blocks: how many blocks' logs it gives at once; 0 for none. failure: why it could not be used.
    """

    name: str
    chain_id: int | None = None
    head: int | None = None
    head_time: int | None = None
    log_blocks: int = 0
    failure: str = ""


async def check_endpoints(chain_id: int, settings: Settings, now: float) -> list[Result]:
    """Ask all endpoints of a chain, at the same time. now: epoch seconds."""
    chain = settings.chain(chain_id)
    async with open_http() as http:
        endpoints = http_endpoints(
            chain.rpc_urls[:MOST_ENDPOINTS], http, timeout_s=TIMEOUT_S, allows_plain=chain.allow_plain_http
        )
        seen = await asyncio.gather(*map(look, endpoints))
    found = judge_endpoints(chain_id, seen)
    if settings.is_development_chain(chain_id):
        return found
    return [*found, *judge_clock(chain_id, chain, seen, now, settings.clock_skew)]


async def look(endpoint: Endpoint) -> Seen:
    """Ask an endpoint which chain it is of, how far it is, and for logs; within TIMEOUT_S."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            chain_id = read_quantity(await _ask(endpoint, Request("eth_chainId")))
            block = await _ask(endpoint, Request("eth_getBlockByNumber", ["latest", False]))
            if not isinstance(block, dict):
                raise MalformedInput("it has no latest block")
            head, head_time = read_quantity(block.get("number")), read_quantity(block.get("timestamp"))
            log_blocks = await _log_blocks(endpoint, head)
    except TimeoutError:
        return Seen(endpoint.name, failure=f"no answer within {TIMEOUT_S:g} s")
    except (EndpointFailure, MalformedInput) as error:
        return Seen(endpoint.name, failure=str(error))
    return Seen(endpoint.name, chain_id, head, head_time, log_blocks)


async def _ask(endpoint: Endpoint, request: Request) -> object:
    answer = await endpoint.ask(request)
    if isinstance(answer, RpcError):
        raise EndpointFailure(f"it refuses {request.method}: {answer.words}")
    return answer.value


async def _log_blocks(endpoint: Endpoint, head: int) -> int:
    for blocks in LOG_RANGES:
        wanted = {
            "address": write_data(ZERO_ADDRESS),
            "fromBlock": hex(max(0, head - blocks + 1)),
            "toBlock": hex(head),
        }
        if isinstance(await endpoint.ask(Request("eth_getLogs", [wanted])), RpcError):
            continue
        return blocks
    return 0


def judge_endpoints(chain_id: int, seen: Sequence[Seen]) -> list[Result]:
    """Say how each endpoint is, compared with the others."""
    best = max((one.head for one in seen if one.chain_id == chain_id and one.head is not None), default=0)
    return [_judge(chain_id, one, best) for one in seen]


def _judge(chain_id: int, one: Seen, best: int) -> Result:
    setting, named = f"chains.{chain_id}.rpc_urls", f"chain {chain_id}, {one.name}"
    if one.failure or one.head is None:
        return fail(Line.ENDPOINT, f"{named}: {one.failure}", f"check the URL in {setting}, or take another")
    if one.chain_id != chain_id:
        return fail(
            Line.ENDPOINT,
            f"{named} is of chain {one.chain_id}",
            f"put the URL of an endpoint of chain {chain_id} into {setting}, or check registry_chain",
        )
    if not one.log_blocks:
        return fail(Line.ENDPOINT, f"{named} gives no logs (eth_getLogs)", f"take another one in {setting}")
    head = f"{named}: head {one.head:,}, logs of {one.log_blocks:,} blocks at once"
    if best - one.head > MOST_BEHIND:
        return warn(
            Line.ENDPOINT,
            f"{head}; {best - one.head:,} blocks behind",
            f"put it last in {setting}, or drop it",
        )
    if one.log_blocks <= FEW_BLOCKS:
        return warn(Line.ENDPOINT, f"{head}, which is few", "a paid plan or another provider gives more")
    return ok(Line.ENDPOINT, head)


def judge_clock(
    chain_id: int, chain: ChainSettings, seen: Sequence[Seen], now: float, tolerance_s: float
) -> list[Result]:
    """Compare this machine's clock with the newest block of a chain."""
    times = [one.head_time for one in seen if one.chain_id == chain_id and one.head_time is not None]
    if not times:
        return []
    ahead_s = max(times) - now
    if ahead_s > tolerance_s:
        return [
            fail(
                Line.CLOCK,
                f"{ahead_s:,.0f} s behind the newest block of chain {chain_id}",
                "set the clock (timedatectl set-ntp true)",
            )
        ]
    if -ahead_s > chain.max_lag:
        return [
            warn(
                Line.CLOCK,
                f"the newest block of chain {chain_id} is {-ahead_s:,.0f} s old",
                "look whether the clock is ahead (timedatectl), or the chain or its endpoints stand still",
            )
        ]
    return [ok(Line.CLOCK, f"agrees with chain {chain_id}")]
