"""`minirelay dev-chain`: blocks at will on the chain of a running `minirelay dev`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from minirelay.cli.dev_relay import relay_flag
from minirelay.dev.arguments import MOST_BLOCKS

if TYPE_CHECKING:
    from minirelay.chain.chain import Chain


@click.group(short_help="Mine, stop or reorganise the development chain.")
def dev_chain() -> None:
    """Mine, stop or reorganise the chain of a running `minirelay dev`."""


@dev_chain.command()
@click.argument("blocks", type=click.IntRange(1, MOST_BLOCKS), default=1)
@relay_flag
def mine(blocks: int, relay: str | None) -> None:
    """Make BLOCKS blocks (1), with whatever waits in the first."""
    from minirelay.dev.blocks import mine as mine_blocks

    _do(relay, lambda chain: mine_blocks(chain, blocks))


@dev_chain.command()
@relay_flag
def stop(relay: str | None) -> None:
    """Make no block by itself from now on: transactions wait."""
    from minirelay.dev.blocks import stop as stop_mining

    _do(relay, stop_mining)


@dev_chain.command()
@relay_flag
def go(relay: str | None) -> None:
    """Make a block for each transaction again, beginning with those that wait."""
    from minirelay.dev.blocks import go as go_mining

    _do(relay, go_mining)


@dev_chain.command()
@click.argument("depth", type=click.IntRange(1, MOST_BLOCKS), default=1)
@click.option(
    "--move",
    "moves",
    is_flag=True,
    help="Put the transactions of the old blocks into the last of the new ones.  [default: they are gone]",
)
@relay_flag
def reorganise(depth: int, moves: bool, relay: str | None) -> None:
    """Replace the newest DEPTH blocks (1) by others, one more than there were."""
    from minirelay.dev.blocks import reorganise as reorganise_blocks

    _do(relay, lambda chain: reorganise_blocks(chain, depth, moves=moves))


def _do(relay: str | None, work: "Callable[[Chain], Awaitable[str]]") -> None:
    asyncio.run(_run(relay, work))


async def _run(relay: str | None, work: "Callable[[Chain], Awaitable[str]]") -> None:
    from minirelay.chain.endpoint import open_http
    from minirelay.dev.running import find_running
    from minirelay.dev.sending import connect

    async with open_http() as http:
        click.echo(await work(await connect(http, find_running(relay).rpc_url)))
