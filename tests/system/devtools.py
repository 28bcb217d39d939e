"""A headless Chromium, driven over its DevTools protocol: opens pages, runs scripts in them."""

import asyncio
import base64
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientWebSocketResponse

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES: Final = os.environ.get("PAGE_PICTURES")
"""A directory to keep in what the page looks like, for people."""
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
)


class WentOn(Exception):
    """The page went on to another one meanwhile."""


class Tab:
    """A page. complaints: what its console has, and exceptions. asked: the URLs of its requests."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self._socket = socket
        self._ids = itertools.count(1)

    async def do(self, method: str, **params: object) -> Any:
        """Send a command, and wait for its result."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                if "navigated" in message.get("error", {}).get("message", ""):
                    raise WentOn
                assert "error" not in message, message
                return message["result"]
            self._note(message.get("method"), message.get("params"))

    async def run(self, script: str) -> Any:
        """Evaluate an expression in the page; a promise is waited for."""
        found = await self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def wait_until(self, script: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(30):
            while not await self._holds(script):  # noqa: ASYNC110 (the page decides it)
                await asyncio.sleep(0.05)

    async def _holds(self, script: str) -> bool:
        try:
            return bool(await self.run(script))
        except WentOn:
            return False

    def _note(self, method: str | None, params: Any) -> None:
        match method:
            case "Runtime.exceptionThrown" | "Log.entryAdded":
                self.complaints.append(json.dumps(params))
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(params["args"]))
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])


async def photograph(tab: Tab, name: str) -> None:
    """Keep what is to be seen now in PICTURES, if that is set."""
    if PICTURES is not None:
        shot = await tab.do("Page.captureScreenshot")
        (Path(PICTURES) / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Tab]:
    """Run a browser with one empty page while the block runs."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *_FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with (
            ClientSession() as http,
            http.ws_connect(await _page_of(http, profile), max_msg_size=0) as socket,
        ):
            tab = Tab(socket)
            for domain in ("Page", "Runtime", "Log", "Network"):
                await tab.do(f"{domain}.enable")
            yield tab
            await tab.do("Browser.close")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _page_of(http: ClientSession, profile: Path) -> str:
    """Return the WebSocket of the first page; the browser writes into its profile where it listens."""
    listens = profile / "DevToolsActivePort"
    async with asyncio.timeout(30):
        while not (listens.exists() and listens.read_text().strip()):  # noqa: ASYNC110 (it is a process)
            await asyncio.sleep(0.05)
        port = listens.read_text().split()[0]
        while True:
            async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
