"""What only the page of `minirelay dev` can ask; see docs/admin-api.md "Under development"."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import web

from minirelay.chain.chain import Chain
from minirelay.dev import blocks
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.admin.block_pages import MOST_BLOCKS as MOST_ON_PAGE
from minirelay.dev.admin.block_pages import BlockPages
from minirelay.dev.admin.decoding import Decoding
from minirelay.dev.admin.holdings import holdings
from minirelay.dev.admin.wishes import flag, number_of, read_wish
from minirelay.dev.arguments import DEFAULT_WALLET, MOST_BLOCKS
from minirelay.dev.contract_addresses import Contracts
from minirelay.dev.demo_setup import DemoShop
from minirelay.dev.description import describe
from minirelay.dev.order_payment import pay_order
from minirelay.dev.paying import purse_of
from minirelay.dev.sending import connect
from minirelay.errors import ChainError, ConfigError
from minirelay.operations.operator import OperatorError
from minirelay.store.reader import Reader
from minirelay.web.admin.json_body import read_object
from minirelay.web.admin.query import bounded, count, number

DEV: Final = "/v1/dev"
BLOCKS: Final = "/v1/dev/blocks"
PAY: Final = "/v1/dev/orders/{shop:[0-9]{1,78}}/{order:[0-9]{1,20}}/pay"
MINE: Final = "/v1/dev/chain/mine"
STOP: Final = "/v1/dev/chain/stop"
GO: Final = "/v1/dev/chain/go"
REORGANISE: Final = "/v1/dev/chain/reorganise"

USUAL: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are. relay_wallet: address of the wallet that is the relay's, 0x hex."""

    base_url: str
    rpc_url: str
    chain_id: int
    contracts: Contracts
    demo_shop: DemoShop | None
    relay_wallet: str


class DevApi:
    """Wallets, contracts and blocks; pays orders, and makes blocks."""

    def __init__(self, place: Place, http: aiohttp.ClientSession, reader: Reader) -> None:
        """http: from `open_http`. reader: of the relay's database."""
        self._place = place
        self._http = http
        self._reader = reader
        self._pages = BlockPages(Decoding(place.contracts))
        # A wallet's transactions are numbered, and blocks made one way or the other.
        self._changing = asyncio.Lock()

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [
            web.get(DEV, self._tell),
            web.get(BLOCKS, self._blocks),
            web.post(PAY, self._pay),
            web.post(MINE, self._mine),
            web.post(STOP, self._stop),
            web.post(GO, self._go),
            web.post(REORGANISE, self._reorganise),
        ]

    async def _tell(self, _request: web.Request) -> web.Response:
        at = self._place
        written = describe(at.base_url, at.rpc_url, at.chain_id, at.contracts, at.demo_shop)
        wallets = written["wallets"]
        async with self._chain() as chain:
            addresses = [*(one["address"] for one in wallets), at.relay_wallet]
            *held, of_relay = await holdings(chain, addresses, at.contracts.eddies)
        written["wallets"] = [wallet | own for wallet, own in zip(wallets, held, strict=True)]
        written["relay_wallet"] = {"address": at.relay_wallet} | of_relay
        return web.json_response(written)

    async def _blocks(self, request: web.Request) -> web.Response:
        before = number(request, "before", bits=63)
        limit = count(request, "limit", default=USUAL, most=MOST_ON_PAGE)
        async with self._chain() as chain:
            return web.json_response(await self._pages.page(chain, before, limit))

    async def _pay(self, request: web.Request) -> web.Response:
        order, shop = (bounded(request.match_info[one], one, bits) for one, bits in _ORDER)
        content = await read_object(request)
        said: list[str] = []
        async with self._chain() as chain, self._changing:
            wish = read_wish(content, order, shop)
            account = ACCOUNTS[number_of(content, "wallet", DEFAULT_WALLET, range(len(ACCOUNTS)))]
            purse = purse_of(chain, self._place.rpc_url, account, self._place.contracts)
            paid = await pay_order(purse, self._reader, wish, said.append)
        return web.json_response(
            {"amount": paid.amount, "to": paid.to, "is_mined": paid.is_mined, "said": "\n".join(said)}
        )

    async def _mine(self, request: web.Request) -> web.Response:
        many = number_of(await read_object(request), "blocks", 1, _HOW_MANY)
        return await self._change(lambda chain: blocks.mine(chain, many))

    async def _stop(self, _request: web.Request) -> web.Response:
        return await self._change(blocks.stop)

    async def _go(self, _request: web.Request) -> web.Response:
        return await self._change(blocks.go)

    async def _reorganise(self, request: web.Request) -> web.Response:
        content = await read_object(request)
        depth, moves = number_of(content, "depth", 1, _HOW_MANY), flag(content, "moves")
        return await self._change(lambda chain: blocks.reorganise(chain, depth, moves=moves))

    async def _change(self, work: Callable[[Chain], Awaitable[str]]) -> web.Response:
        async with self._chain() as chain, self._changing:
            said: dict[str, Any] = {"said": await work(chain)}
        return web.json_response(said)

    @asynccontextmanager
    async def _chain(self) -> AsyncIterator[Chain]:
        """Give the chain, each time anew: it may be another one after a failure. Raises OperatorError."""
        try:
            yield await connect(self._http, self._place.rpc_url)
        except (ConfigError, ChainError) as error:
            raise OperatorError(str(error)) from error


_ORDER: Final = (("order", 64), ("shop", 256))
_HOW_MANY: Final = range(1, MOST_BLOCKS + 1)
