"""Asking the running relay to do something, over the socket in its data directory (spec 09)."""

import asyncio
from pathlib import Path
from typing import Any, Final

import click

_TIMEOUT_S: Final = 60.0
_CANNOT_CONNECT: Final = (PermissionError, FileNotFoundError, NotADirectoryError, ConnectionRefusedError)
_NOT_RUNNING: Final = (
    "{directory}: no relay runs there; start it (`minirelay serve`), or name its data directory (data_dir)"
)
_NOT_ALLOWED: Final = "{directory}: permission denied; run this as the user who runs the relay"


class NoRelayRuns(click.ClickException):
    """No relay runs on this data directory."""


def ask_relay(
    directory: Path,
    path: str,
    content: object = None,
    *,
    method: str = "POST",
    timeout_s: float = _TIMEOUT_S,
) -> Any:
    """Have a relay do something; return its answer, read from JSON.

    directory: its data directory. path: of the command. Raises NoRelayRuns if none runs there;
    ClickException, in one line, if this user may not, or with the relay's own words if it can't be done.
    """
    try:
        return asyncio.run(_ask(directory, method, path, content, timeout_s))
    except PermissionError as error:
        raise click.ClickException(_NOT_ALLOWED.format(directory=directory)) from error
    except _CANNOT_CONNECT as error:
        raise NoRelayRuns(_NOT_RUNNING.format(directory=directory)) from error


async def ask_if_running(directory: Path, method: str, path: str, *, timeout_s: float = _TIMEOUT_S) -> Any:
    """Ask the relay of a data directory; None if none runs there.

    Raises ClickException, in one line, if this user may not, or if the relay does not answer.
    """
    try:
        return await _ask(directory, method, path, None if method == "GET" else {}, timeout_s)
    except PermissionError as error:
        raise click.ClickException(_NOT_ALLOWED.format(directory=directory)) from error
    except _CANNOT_CONNECT:
        return None


async def _ask(directory: Path, method: str, path: str, content: object, timeout_s: float) -> Any:
    from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, UnixConnector

    from minirelay.web.admin_socket import socket_path

    with socket_path(directory) as address:
        timeout = ClientTimeout(total=timeout_s)
        try:
            async with (
                ClientSession(connector=UnixConnector(address), timeout=timeout) as http,
                http.request(method, f"http://relay{path}", json=content) as answer,
            ):
                found = await answer.json()
        except ClientConnectionError as error:
            if isinstance(error.__cause__, _CANNOT_CONNECT):
                raise error.__cause__ from error
            raise click.ClickException(f"{directory}: the relay did not answer: {error}") from error
        except TimeoutError as error:
            raise click.ClickException(
                f"{directory}: the relay did not answer within {timeout_s:.0f} seconds; see its log"
            ) from error
    if answer.status >= 400:
        raise click.ClickException(str(found.get("error", answer.reason)))
    return found
