"""What a relay says of itself (spec 08)."""

import re
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from yarl import URL

from minirelay.client.errors import RelayUnreachable
from minirelay.client.http import asking, read_json

_TOKEN: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")


@dataclass(frozen=True, slots=True)
class RelayInfo:
    """The relay's token and its registry chain. By its own word: good for enrolling, not for trusting it."""

    relay_token_id: int
    registry_chain_id: int


async def fetch_info(http: aiohttp.ClientSession, base_url: URL) -> RelayInfo:
    """Ask the info document, or else what relays under development have for that. Raises RelayUnreachable."""
    for path, chain in (("", "registry_chain_id"), ("testing/discovery", "chain_id")):
        url = base_url / path if path else base_url
        async with asking(url), http.get(url, headers={"Accept": "application/json"}) as response:
            document = await read_json(response) if response.ok and _is_json(response) else None
        info = _read(document, chain)
        if info is not None:
            return info
    raise RelayUnreachable(f"{base_url} does not say which relay it is")


def _is_json(response: aiohttp.ClientResponse) -> bool:
    return response.content_type == "application/json"


def _read(document: Any, chain: str) -> RelayInfo | None:
    match document:
        case {"relay_token_id": str(token), **rest}:
            chain_id = rest.get(chain)
            if _TOKEN.fullmatch(token) and isinstance(chain_id, int):
                return RelayInfo(int(token, 16), chain_id)
    return None
