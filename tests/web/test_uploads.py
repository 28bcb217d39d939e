"""`POST /v4/upload_blob`."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from minirelay.client.errors import UploadRefused
from minirelay.client.http import upload
from minirelay.config.quantities import PositiveSeconds, PositiveSize
from minirelay.store.errors import StoreUnavailable
from minirelay.web import http_connection, uploads
from tests.blobs.test_library import NOTHING, rows
from tests.relay.house import until
from tests.web.edge import BASE_URL, OPEN
from tests.web.files import FORM, OTHER_SHOP, SHOP, Files, files, form

PNG = b"\x89PNG\r\n\x1a\n" + random.Random(8).randbytes(300_000)
SMALL = replace(OPEN, upload_size=PositiveSize(1000))


async def post(served: Files, body: Any, target: str | None = None) -> tuple[int, dict[str, str]]:
    async with served.client.post(target or served.target(), data=body, headers=FORM) as answer:
        return answer.status, json.loads(await answer.read())


async def raw(served: Files) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection, on which anything may be sent."""
    async with served.client.get("/") as answer:
        url = answer.url
    return await asyncio.open_connection(url.host, url.port)


def head(target: str, length: int) -> bytes:
    """Write the head of a request with a form."""
    content_type = FORM["Content-Type"]
    return (
        f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode()


async def is_left_with_nothing(served: Files, directory: Path) -> bool:
    await served.library.finish_removals()
    return rows(directory) == NOTHING


async def test_a_file_is_taken_and_can_be_fetched(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        status, content = await post(served, form(PNG))
        assert status == 201
        assert set(content) == {"ipfs_path", "url"}
        assert content["url"] == f"{BASE_URL}{content['ipfs_path']}"
        async with served.client.get(content["ipfs_path"]) as answer:
            assert await answer.read() == PNG


async def test_the_cid_is_that_of_ipfs(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        assert (await post(served, form(b"foo")))[1]["ipfs_path"] == (
            "/ipfs/QmcJw6x4bQr7oFnVnF6i8SLcJvhXjaxWvj54FYXmZ4Ct6p"
        )


@pytest.mark.parametrize("query", ["", "?token=", "?token=unknown", "?token=" + "x" * 5000, "?other=1"])
async def test_a_url_that_nobody_was_given_is_refused(tmp_path: Path, query: str) -> None:
    async with files(tmp_path) as served:
        status, content = await post(served, form(PNG), f"/v4/upload_blob{query}")
        assert (status, content) == (400, {"handler": "getBlobUpload", "error": uploads.UNKNOWN_URL})
        assert await is_left_with_nothing(served, tmp_path)


async def test_a_url_is_good_for_one_upload_even_one_that_fails(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        target = served.target()
        assert (await post(served, b"no form", target))[0] == 400
        assert (await post(served, form(PNG), target))[0] == 400


async def test_the_token_is_looked_at_before_the_body(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        reader, writer = await raw(served)
        writer.write(head("/v4/upload_blob?token=unknown", 10_000))
        assert await reader.readline() == b"HTTP/1.1 400 Bad Request\r\n"
        writer.close()


async def test_a_file_that_is_too_large_is_refused_and_closed(tmp_path: Path) -> None:
    async with files(tmp_path, SMALL) as served:
        assert (await post(served, form(bytes(1000))))[0] == 201
        async with served.client.post(served.target(), data=form(bytes(1001)), headers=FORM) as answer:
            assert answer.status == 413
            assert (await answer.json())["handler"] == "getBlobUpload"
            assert answer.headers["Connection"] == "close"
        await served.library.finish_removals()
        assert rows(tmp_path)["blob"] == 1


async def test_a_shop_whose_share_is_used_up_is_told(tmp_path: Path) -> None:
    async with files(tmp_path, replace(OPEN, shop_blobs=PositiveSize(5000))) as served:
        status, content = await post(served, form(bytes(5001)))
        assert status == 413
        assert "share" in content["error"]
        assert await is_left_with_nothing(served, tmp_path)


async def test_while_the_disk_is_low_no_file_is_taken(tmp_path: Path) -> None:
    low: set[str] = {"now"}
    async with files(tmp_path) as served:
        served.library.is_disk_low = lambda: bool(low)
        async with served.client.post(served.target(), data=form(PNG), headers=FORM) as answer:
            assert answer.status == 507
            assert await answer.json() == {
                "handler": "getBlobUpload",
                "error": "relay storage is full, try again later",
            }
            assert answer.headers["Connection"] == "close"
        low.clear()
        assert (await post(served, form(PNG)))[0] == 201


async def test_an_upload_ends_when_the_disk_gets_low_and_leaves_nothing(tmp_path: Path) -> None:
    body = form(3 * PNG)
    low: set[str] = set()
    async with files(tmp_path) as served:
        served.library.is_disk_low = lambda: bool(low)
        reader, writer = await raw(served)
        writer.write(head(served.target(), len(body)) + body[:-20_000])
        await until(lambda: rows(tmp_path)["blob_block"] > 0)
        low.add("now")
        writer.write(body[-20_000:])
        assert await reader.readline() == b"HTTP/1.1 507 Insufficient Storage\r\n"
        writer.close()
        assert await is_left_with_nothing(served, tmp_path)


async def test_an_upload_that_is_broken_off_anywhere_leaves_nothing(tmp_path: Path) -> None:
    body = form(PNG)
    chance = random.Random(9)
    cuts = [0, 1, 10, 100, len(body) - 1, *[chance.randrange(len(body)) for _ in range(20)]]
    async with files(tmp_path) as served:
        for cut in cuts:
            reader, writer = await raw(served)
            writer.write(head(served.target(), len(body)) + body[:cut])
            await writer.drain()
            writer.write_eof()
            await reader.read()
            writer.close()
        assert await is_left_with_nothing(served, tmp_path)


async def test_a_small_form_that_is_broken_off_at_any_byte_leaves_nothing(tmp_path: Path) -> None:
    body = form(b"small")
    async with files(tmp_path) as served:
        for cut in range(len(body) - len(b"\r\n")):
            reader, writer = await raw(served)
            writer.write(head(served.target(), len(body)) + body[:cut])
            writer.write_eof()
            await reader.read()
            writer.close()
        # The relay may close a connection before it ends the upload.
        await until(lambda: rows(tmp_path) == NOTHING)
        assert (await post(served, body))[0] == 201
        assert rows(tmp_path)["blob"] == 1


async def test_so_many_uploads_go_on_at_a_time(tmp_path: Path) -> None:
    async with files(tmp_path, replace(OPEN, uploads_at_once=1)) as served:
        go_on, begun = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield form(PNG)[:200_000]
            begun.set()
            await go_on.wait()
            yield form(PNG)[200_000:]

        first = asyncio.create_task(post(served, slowly()))
        await begun.wait()
        target = served.target()
        async with served.client.post(target, data=form(PNG), headers=FORM) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"
        go_on.set()
        assert (await first)[0] == 201
        # The URL was not used up.
        assert (await post(served, form(b"other"), target))[0] == 201


@pytest.mark.parametrize("bound", ["deadline", "rate"])
async def test_an_upload_that_is_too_slow_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    timeout = 0.3 if bound == "deadline" else 60.0
    if bound == "rate":
        monkeypatch.setattr(uploads, "GRACE_S", 0.3)
    async with files(tmp_path, replace(OPEN, upload_timeout=PositiveSeconds(timeout))) as served:
        gone = asyncio.Event()

        async def hardly() -> AsyncIterator[bytes]:
            yield form(PNG)[:1000]
            await gone.wait()

        try:
            status, content = await post(served, hardly())
        finally:
            gone.set()
        assert (status, content["error"]) == (408, uploads.TOO_SLOW)
        assert await is_left_with_nothing(served, tmp_path)


async def test_a_disk_that_takes_nothing_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with files(tmp_path) as served:
        target = served.target()

        async def fails(_shop: int) -> int:
            raise StoreUnavailable("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(served.library.store.reader, "blob_bytes", fails)
            status, content = await post(served, form(PNG), target)
        assert status == 503
        assert content["handler"] == "getBlobUpload"
        assert await is_left_with_nothing(served, tmp_path)


async def slow_upload(served: Files, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin an upload that sends nothing more."""
    reader, writer = await raw(served)
    writer.write(head(target, 1_000_000) + form(PNG)[:1000])
    await writer.drain()
    return reader, writer


async def test_slow_senders_keep_no_clerk_of_another_shop_or_card_waiting(tmp_path: Path) -> None:
    async with files(tmp_path, replace(OPEN, uploads_at_once=4)) as served:
        hostile = [await slow_upload(served, served.target()) for _ in range(4)]
        await until(lambda: rows(tmp_path)["blob"] == 4)
        # More of the hostile ones get nothing.
        async with served.client.post(served.target(), data=form(PNG), headers=FORM) as answer:
            assert answer.status == 503
        for card, shop in ((2, SHOP), (3, OTHER_SHOP)):
            target = f"/v4/upload_blob?token={served.tokens.issue(card, shop)}"
            assert (await post(served, form(PNG + bytes([card])), target))[0] == 201
        statuses = []
        for reader, writer in hostile:
            try:
                async with asyncio.timeout(0.2):
                    statuses.append((await reader.readline()).split(b" ")[1])
            except TimeoutError:
                statuses.append(b"goes on")
            writer.close()
        # The place that the first of them got was free for the second.
        assert sorted(statuses) == [b"503", b"goes on", b"goes on", b"goes on"]
        await until(lambda: rows(tmp_path)["blob"] == 2)


async def test_who_lost_its_place_is_told_to_try_again(tmp_path: Path) -> None:
    async with files(tmp_path, replace(OPEN, uploads_at_once=2)) as served:
        (first, one), (_, other) = [await slow_upload(served, served.target()) for _ in range(2)]
        await until(lambda: rows(tmp_path)["blob"] == 2)
        target = f"/v4/upload_blob?token={served.tokens.issue(3, OTHER_SHOP)}"
        assert (await post(served, form(PNG), target))[0] == 201
        answer = (await first.readuntil(b"}")).decode()
        one.close()
        other.close()
        assert answer.startswith("HTTP/1.1 503 ")
        assert "Retry-After: 5" in answer
        assert "Connection: close" in answer
        assert uploads.LOST_PLACE in answer


@pytest.mark.parametrize("refused", ["size", "said size", "token", "disk"])
async def test_who_reads_nothing_before_all_is_sent_gets_the_answer_and_no_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    monkeypatch.setattr(http_connection, "LINGERING_S", 0.0)
    limits = replace(OPEN, upload_size=PositiveSize(6_000_000))
    body = form(random.Random(1).randbytes(4_000_000))
    status = {"size": b"413", "said size": b"413", "token": b"400", "disk": b"507"}[refused]
    if refused == "size":
        limits = replace(OPEN, upload_size=PositiveSize(1_000_000))
    async with files(tmp_path, limits) as served:
        served.library.is_disk_low = lambda: refused == "disk"
        target = "/v4/upload_blob?token=unknown" if refused == "token" else served.target()
        reader, writer = await raw(served)
        writer.write(head(target, 7_000_000 if refused == "said size" else len(body)))
        for start in range(0, len(body), 100_000):
            writer.write(body[start : start + 100_000])
            await writer.drain()
            # Long enough for the relay to be done with it, were it not for what still comes.
            await asyncio.sleep(0.01)
        line = await reader.readline()
        assert line.split(b" ")[1] == status
        writer.write_eof()
        assert b'"handler": "getBlobUpload"' in await reader.read()
        writer.close()
        assert await is_left_with_nothing(served, tmp_path)


async def test_the_client_library_tells_why_a_file_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "LINGERING_S", 0.0)
    async with files(tmp_path, replace(OPEN, upload_size=PositiveSize(1_000_000))) as served:
        async with served.client.get("/") as answer:
            base = str(answer.url).rstrip("/")
        with pytest.raises(UploadRefused) as refused:
            await upload(served.client, (base + served.target()).encode(), bytes(8_000_000))
        assert refused.value.status == 413
        assert await is_left_with_nothing(served, tmp_path)
