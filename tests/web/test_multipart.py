"""Forms with one file, and with what strangers put around it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from minirelay.blobs.errors import UploadRefused, UploadTooLarge
from minirelay.web.multipart import OVERHEAD_BYTES, file_of
from tests.web.files import BOUNDARY, END, FORM, field, form

MOST = 100_000


@asynccontextmanager
async def reading() -> AsyncIterator[tuple[ClientSession, list[object]]]:
    """Serve something that reads a file, and notes what came of it."""
    outcomes: list[object] = []

    async def read(request: web.Request) -> web.Response:
        try:
            outcomes.append(b"".join([piece async for piece in file_of(request, MOST)]))
        except UploadRefused as error:
            outcomes.append(error)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", read)
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as client:
        yield client, outcomes


async def outcome(body: bytes, headers: dict[str, str] = FORM) -> object:
    async with reading() as (client, outcomes):
        async with client.post("/", data=body, headers=headers):
            pass
        return outcomes[0]


@pytest.mark.parametrize("data", [b"", b"x", b"\r\n--" + BOUNDARY.encode()[:-1], bytes(MOST), b"\r\n" * 999])
async def test_the_file_is_what_is_between_the_boundaries(data: bytes) -> None:
    assert await outcome(form(data)) == data


async def test_other_fields_are_left_out() -> None:
    assert await outcome(field(b"not this", "other") + form(b"this")) == b"this"
    assert await outcome(field(b"this") + form(b"not this", "other")) == b"this"
    assert await outcome(b"a preamble\r\n" + form(b"this")) == b"this"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        form(b"x", "other"),
        field(b"x") + form(b"y"),
        form(b"x")[: -len(END) - 3],
        b"--" + BOUNDARY.encode() + b"\r\n\r\n",
        b"--" + BOUNDARY.encode() + b"--\r\n",
        b"--" + BOUNDARY.encode() + b"\r\nno header\r\n\r\nx",
        b"--"
        + BOUNDARY.encode()
        + b"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--",
        form(b"x").replace(b"form-data", b"form(data"),
        form(b"x").replace(b"filename=", b"filename*=x"),
        b"--" + BOUNDARY.encode() + b"\r\n" + b"A: b\r\n" * 40 + b"\r\nx",
        b"--" + BOUNDARY.encode() + b"\r\nA: " + b"b" * 9000 + b"\r\n\r\nx",
        b"--" + BOUNDARY.encode() + b"\r\n\xff\xfe: \x00\r\n\r\nx",
    ],
)
async def test_what_is_no_form_with_one_file_is_refused(body: bytes) -> None:
    refused = await outcome(body)
    assert isinstance(refused, UploadRefused)
    assert not isinstance(refused, UploadTooLarge)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/octet-stream",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=" + "x" * 71,
    ],
)
async def test_what_is_sent_as_something_else_is_refused(content_type: str) -> None:
    assert isinstance(await outcome(form(b"x"), {"Content-Type": content_type}), UploadRefused)


async def test_a_file_has_so_many_bytes() -> None:
    assert isinstance(await outcome(form(bytes(MOST + 1))), UploadTooLarge)


@pytest.mark.parametrize(
    "endless",
    [
        b"a line of a preamble\r\n",
        field(b"x", "other"),
        b"",
    ],
    ids=["preamble", "fields", "content"],
)
async def test_all_that_is_read_has_a_bound(endless: bytes) -> None:
    sent = 0

    async def forever() -> AsyncIterator[bytes]:
        nonlocal sent
        if not endless:
            yield field(b"")[:-2]
        piece = (endless or bytes(1000)) * 100
        while sent < 100 * MOST:
            sent += len(piece)
            yield piece
            await asyncio.sleep(0)

    async with reading() as (client, outcomes):
        try:
            async with client.post("/", data=forever(), headers=FORM):
                pass
        except ConnectionError:
            pass
        assert isinstance(outcomes[0], UploadTooLarge)
    assert sent < MOST + OVERHEAD_BYTES + 8 * 2**20  # what sockets hold
