"""Asking a whole relay over its socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession, UnixConnector

from minirelay.web.admin_socket import socket_path


@asynccontextmanager
async def operator_of(directory: Path) -> AsyncIterator[ClientSession]:
    """Give a client whose paths are those of the relay in a directory."""
    with socket_path(directory) as path:
        async with ClientSession("http://relay", connector=UnixConnector(path)) as http:
            yield http
