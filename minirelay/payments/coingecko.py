"""CoinGecko as a source of prices: HTTP requests, bounded in time and size (spec 07 "Prices")."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from fractions import Fraction
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from minirelay.chain.backoff import retry_after
from minirelay.chain.plain_http import only_private
from minirelay.config.urls import EndpointUrl
from minirelay.errors import MalformedInput, PricesUnavailable
from minirelay.payments.price_text import read_price
from minirelay.protocol.json_reading import decode_json

T = TypeVar("T")

TIMEOUT_S: Final = 10.0
MOST_BYTES: Final = 4 * 2**20
"""All platforms take 200 KB; a batch of prices some."""

BATCH: Final = 30
"""Currencies in one request: their addresses are in its URL."""

_KEY_HEADER: Final = "x-cg-demo-api-key"
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_CURRENCY: Final = "usd"
"""In which everything is priced: any two of them make a rate."""

_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""What may come into a URL."""

_PricesJson = dict[str, dict[str, msgspec.Raw]]


class Platform(msgspec.Struct, frozen=True):
    """A chain as CoinGecko knows it: the id of it, and of its native coin, which is another."""

    chain_id: int
    id: str
    native_coin_id: str | None = None


class ReadPrice(msgspec.Struct, frozen=True):
    """What a currency is worth in dollars; None: no price. updated_at: epoch seconds; 0 if it is not said."""

    price: Fraction | None
    updated_at: int


class CoinGecko:
    """Asks for prices. Whatever keeps it from an answer raises PricesUnavailable."""

    def __init__(self, http: aiohttp.ClientSession, url: EndpointUrl, key: str | None = None) -> None:
        """http: from `open_http`. url: of the API; plain http only in private networks. key: for it."""
        self._http = http
        self._is_plain = url.is_plain
        self._url = url.rstrip("/")
        self._headers = _HEADERS if key is None else {**_HEADERS, _KEY_HEADER: key}

    async def platforms(self) -> dict[int, Platform]:
        """Return the chains that it knows, by chain id."""
        found = await self._get("asset_platforms", {}, lambda body: decode_json(body, list[dict[str, Any]]))
        platforms = [one for one in map(_platform, found) if one is not None]
        return {one.chain_id: one for one in platforms}

    async def coin_prices(self, ids: Sequence[str]) -> dict[str, ReadPrice]:
        """Return the prices of native coins, by their ids: BATCH at most."""
        return await self._prices("simple/price", {"ids": ",".join(ids)})

    async def token_prices(self, platform: str, addresses: Sequence[bytes]) -> dict[bytes, ReadPrice]:
        """Return the prices of tokens on a platform, by address, 20 bytes: BATCH at most."""
        wanted = {f"0x{address.hex()}": address for address in addresses}
        path = f"simple/token_price/{platform}"
        found = await self._prices(path, {"contract_addresses": ",".join(wanted)})
        named = {text.lower(): price for text, price in found.items()}
        return {address: named[text] for text, address in wanted.items() if text in named}

    async def _prices(self, path: str, of: Mapping[str, str]) -> dict[str, ReadPrice]:
        query = {
            **of,
            "vs_currencies": _CURRENCY,
            "include_last_updated_at": "true",
            "precision": "full",
        }
        found = await self._get(path, query, lambda body: decode_json(body, _PricesJson))
        return {name: _price(entry) for name, entry in found.items()}

    async def _get(self, path: str, query: Mapping[str, str], decode: Callable[[bytes], T]) -> T:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return decode(await self._body(path, query))
        except TimeoutError as error:
            raise PricesUnavailable(f"no answer within {TIMEOUT_S:g} s") from error
        except MalformedInput as error:
            raise PricesUnavailable(f"its answer can't be used: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PricesUnavailable(f"the connection failed ({type(error).__name__})") from error

    async def _body(self, path: str, query: Mapping[str, str]) -> bytes:
        url = f"{self._url}/{path}"
        with only_private() if self._is_plain else nullcontext():
            request = self._http.get(url, params=query, headers=self._headers, allow_redirects=False)
            response = await request
        async with response:
            if response.status != 200:
                wish_s = retry_after(response.headers.get("Retry-After"))
                raise PricesUnavailable(f"HTTP status {response.status}", wish_s)
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise PricesUnavailable(f"its answer is longer than {MOST_BYTES} bytes")
            return bytes(body)


def _platform(found: dict[str, Any]) -> Platform | None:
    match found:
        case {"id": str(name), "chain_identifier": int(chain_id), **more} if _ID.fullmatch(name):
            coin = more.get("native_coin_id")
            known = isinstance(coin, str) and _ID.fullmatch(coin)
            return Platform(chain_id, name, coin if known else None)
    return None


def _price(entry: Mapping[str, msgspec.Raw]) -> ReadPrice:
    price, updated_at = (_text(entry.get(name)) for name in (_CURRENCY, "last_updated_at"))
    seconds = int(updated_at) if re.fullmatch(r"[0-9]{1,12}", updated_at) else 0
    return ReadPrice(read_price(price), seconds)


def _text(raw: msgspec.Raw | None) -> str:
    return "" if raw is None else bytes(raw).decode(errors="replace").strip()
