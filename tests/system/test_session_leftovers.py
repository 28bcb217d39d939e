"""What a session made the relay hold is gone with it, at once: nothing of it waits for the garbage collector.

Sessions come and go as often as strangers like. What each left in a cycle made full collections of a relay
under attack take 0.3 s, and hold its pages of the log until then.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from minirelay.protocol import envelope as wire
from minirelay.web.app import create_app
from tests.raw_client import Line, RawClient, Refused, Spec
from tests.relay.house import SHOP, TIMEOUT_S, House, listing, order, running_relay, until
from tests.system.hostile.attacks import HANDSHAKE, client_frame
from tests.system.hostile.hoarders import BINARY, HALF_HEAD, Client, connect
from tests.web.edge import SETTINGS, Backend, listening

SUBSCRIPTIONS = 8
SETS = 40
OF_A_SESSION = ("minirelay", "aiohttp", "multidict")
"""Where the types are from that a session is made of, beside the event loop's."""


@contextmanager
def garbage() -> Iterator[Counter[str]]:
    """Count, by type, the objects of sessions that the block leaves to the collector."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        found.update(
            type(one).__qualname__ for one in gc.garbage if type(one).__module__.startswith(OF_A_SESSION)
        )
        found.update(
            one.f_code.co_qualname
            for one in gc.garbage
            if hasattr(one, "f_code") and "minirelay" in one.f_code.co_filename
        )
        gc.garbage.clear()
    finally:
        gc.set_debug(0)
        gc.enable()


async def subscribe_and_leave(line: Line) -> None:
    """Ask for the whole log many times, read little, and go."""
    for number in range(SUBSCRIPTIONS):
        await line.start(wire.SubscriptionRequest(line.shop_id.to_bytes(32)), 100 + number)
    # The first reads its page, the others wait for their turn.
    await line.read_until(lambda: not line.pushes.empty())
    line.connection.lost()
    for _ in range(20):
        await asyncio.sleep(0.001)


async def write_what_is_refused(line: Line) -> None:
    """Write what is refused by decoding, by its header, by a rule; and something that is good."""
    missing: Spec = ("remove", ("Listings", 99), None)
    for patches in ([missing], [listing(1)], [order(5), order(5)]):
        with pytest.raises(Refused):
            await line.write(*patches)
    with pytest.raises(Refused):
        await line.ask(wire.PatchSetWriteRequest(b"\xff"))


async def fill(house: House) -> RawClient:
    clerk = await house.clerk()
    await clerk.write(listing(1))
    for number in range(SETS):
        await clerk.write(listing(2 + number, Metadata={"Title": "t", "Description": "x" * 20_000}))
    return clerk


async def test_a_session_that_ends_in_the_midst_leaves_nothing(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        await fill(house)
        house.forget_recent_sets()
        line = await house.line(shop_id=SHOP)
        line.acknowledges = False
        with garbage() as found:
            await subscribe_and_leave(line)
        assert not found


async def test_refused_writes_leave_nothing(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        await fill(house)
        line = await house.line(await house.enrol())
        with garbage() as found:
            await write_what_is_refused(line)
        assert not found


# -- over the network


async def abort(client: Client) -> None:
    """Reset the connection."""


async def close(client: Client) -> None:
    """Say farewell, and hear it."""
    await client.send(client_frame(CLOSE, (1000).to_bytes(2)))
    await client.reader.read()


async def half_close(client: Client) -> None:
    """Send no more."""
    client.writer.write_eof()
    await client.reader.read()


async def send_text(client: Client) -> None:
    """Be closed for what the protocol does not have."""
    await client.send(client_frame(TEXT, b"hello"))
    await client.reader.read()


async def break_off(client: Client) -> None:
    """Reset the connection within a frame."""
    await client.send(client_frame(BINARY, bytes(100_000))[:-1000])


async def send_nonsense(client: Client) -> None:
    """Be closed for a frame that WebSockets don't have."""
    await client.send(client_frame(NO_OPCODE, b""))
    await client.reader.read()


WAYS_TO_LEAVE = (abort, close, half_close, send_text, break_off, send_nonsense)
CLOSE, TEXT, NO_OPCODE = 0x8, 0x1, 0xF

REQUESTS = {
    "half a head": HALF_HEAD,
    "half a body": b"GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"
    + bytes(500),
    "many heads": (HALF_HEAD + b"\r\n") * 20,
    "no HTTP": b"\0\r\n\r\n",
    "a handshake without its key": b"GET /v4/sessions HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\n\r\n",
}


@asynccontextmanager
async def listening_house(directory: Path) -> AsyncIterator[tuple[House, str]]:
    """Run a relay behind all of its web edge; gives the URL, too."""
    async with running_relay(directory) as house:
        app = create_app(SETTINGS, replace(Backend().services(), sessions=house.relay))
        async with listening(app, memory=house.relay.memory) as url:
            yield house, url


@asynccontextmanager
async def visit(url: str, opening: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect while the block runs; then wait until the relay has nothing to do with it any more."""
    tasks = asyncio.all_tasks()
    reader, writer = await connect(url, 1, opening)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
        await until(lambda: asyncio.all_tasks() <= tasks)


@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
async def test_a_session_over_the_network_leaves_nothing_however_it_ends(
    tmp_path: Path, leave: Callable[[Client], Awaitable[None]]
) -> None:
    async with listening_house(tmp_path) as (house, url):
        await fill(house)
        house.forget_recent_sets()
        key = await house.enrol()

        async def stay() -> None:
            async with visit(url, HANDSHAKE) as (reader, writer):
                client = Client(reader, writer, SHOP.to_bytes(32), key)
                await client.authenticate()
                for _ in range(SUBSCRIPTIONS):
                    await client.subscribe()
                for _ in range(3):
                    await client.ask(wire.PatchSetWriteRequest(b"\xff" * 1000))
                await reader.readexactly(10_000)  # of a push
                await leave(client)

        await stay()  # what the first of all sessions makes stays
        with garbage() as found:
            await stay()
            assert house.relay.session_count == 1
        assert not found


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_a_connection_that_is_no_session_leaves_nothing(tmp_path: Path, request_: bytes) -> None:
    async with listening_house(tmp_path) as (_, url):

        async def ask() -> None:
            async with visit(url, "") as (reader, writer):
                writer.write(request_)
                if request_ != HALF_HEAD:
                    await reader.readuntil(b"\r\n\r\n")

        await ask()
        with garbage() as found:
            await ask()
        assert not found
