"""HTTP beside the WebSocket: bounded bodies, and errors that a client of this package expects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from minirelay.client.errors import RelayUnreachable

MAX_ANSWER_BYTES: Final = 16 * 1024
"""No JSON of this length nests deep enough to exhaust the stack, whatever recursion limit is set."""


async def read_body(response: aiohttp.ClientResponse, most_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """Read a whole body. Raises ValueError if it is longer than that."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            raise ValueError(f"the answer is longer than {most_bytes} bytes")
    return bytes(body)


@asynccontextmanager
async def asking(url: URL) -> AsyncIterator[None]:
    """Turn what goes wrong with a request to the relay in this block into RelayUnreachable."""
    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
        raise RelayUnreachable(f"{url} gave no usable answer: {error or type(error).__name__}") from error


async def read_json(response: aiohttp.ClientResponse) -> Any:
    """Read a JSON body, whatever its content type. Raises ValueError, RecursionError."""
    return msgspec.json.decode(await read_body(response))
