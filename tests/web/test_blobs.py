"""`GET /ipfs/<cid>`."""

import random
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from minirelay.blobs.cid import write_cid
from minirelay.store.database import Store
from tests.blobs.test_cid import version_1
from tests.blobs.test_library import put
from tests.web.files import Files, files

PNG = b"\x89PNG\r\n\x1a\n" + random.Random(8).randbytes(300_000)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
ELF = b"\x7fELF\x00\x01\x02"


async def path_of(served: Files, data: bytes = PNG) -> str:
    return f"/ipfs/{write_cid(await put(served.library, data))}"


def holds_a_stranger_back(answer: ClientResponse) -> bool:
    return (
        answer.headers["X-Content-Type-Options"] == "nosniff"
        and answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        and answer.headers["Access-Control-Allow-Origin"] == "*"
        and answer.headers["Cache-Control"] == "public, max-age=29030400, immutable"
    )


async def test_a_file_is_given_with_its_type(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served)
        async with served.client.get(path) as answer:
            assert answer.status == 200
            assert await answer.read() == PNG
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.headers["ETag"] == f'"{path.removeprefix("/ipfs/")}"'
            assert answer.headers["Content-Length"] == str(len(PNG))
            assert answer.headers["Accept-Ranges"] == "bytes"
            assert holds_a_stranger_back(answer)
            assert "Content-Disposition" not in answer.headers
        digest = await put(served.library, PNG)
        async with served.client.get(f"/ipfs/{version_1(digest)}") as answer:
            assert await answer.read() == PNG


@pytest.mark.parametrize(
    ("data", "media_type", "disposition"),
    [(SVG, "text/plain; charset=utf-8", None), (ELF, "application/octet-stream", "attachment")],
)
async def test_what_a_browser_would_run_is_text_or_saved(
    tmp_path: Path, data: bytes, media_type: str, disposition: str | None
) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served, data)
        async with served.client.get(path) as answer:
            assert answer.headers["Content-Type"] == media_type
            assert answer.headers.get("Content-Disposition") == disposition
            assert holds_a_stranger_back(answer)


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=262140-262150", 262140, 262151),
        ("bytes=300000-", 300000, len(PNG)),
        ("bytes=-7", len(PNG) - 7, len(PNG)),
        ("bytes=100-999999999", 100, len(PNG)),
    ],
)
async def test_a_range_is_given(tmp_path: Path, wanted: str, start: int, stop: int) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served)
        async with served.client.get(path, headers={"Range": wanted}) as answer:
            assert answer.status == 206
            assert await answer.read() == PNG[start:stop]
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(PNG)}"
            assert holds_a_stranger_back(answer)


@pytest.mark.parametrize(
    "wanted",
    ["bytes=", "bytes=a-b", "items=0-1", "bytes=0-1,4-5", "bytes=9-3", "bytes=--1", "bytes=-", "\xff"],
)
async def test_what_is_no_range_is_the_whole_file(tmp_path: Path, wanted: str) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served, b"short")
        async with served.client.get(path, headers={"Range": wanted}) as answer:
            assert answer.status == 200
            assert await answer.read() == b"short"


@pytest.mark.parametrize("wanted", ["bytes=5-", "bytes=99999999999999999999999-"])
async def test_a_range_beyond_the_end_is_refused(tmp_path: Path, wanted: str) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served, b"short")
        async with served.client.get(path, headers={"Range": wanted}) as answer:
            assert answer.status == 416
            assert answer.headers["Content-Range"] == "bytes */5"
            assert "error" in await answer.json()


async def test_a_range_of_another_file_is_the_whole_one(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served, b"short")
        headers = {"Range": "bytes=1-2", "If-Range": '"other"'}
        async with served.client.get(path, headers=headers) as answer:
            assert await answer.read() == b"short"
        headers["If-Range"] = f'"{path.removeprefix("/ipfs/")}"'
        async with served.client.get(path, headers=headers) as answer:
            assert await answer.read() == b"ho"


async def test_who_has_it_gets_it_not_again(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served)
        etag = f'"{path.removeprefix("/ipfs/")}"'
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            async with served.client.get(path, headers={"If-None-Match": known}) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
                assert answer.headers["ETag"] == etag
                assert holds_a_stranger_back(answer)
        async with served.client.get(path, headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


async def test_head_tells_all_but_the_file(tmp_path: Path) -> None:
    async with files(tmp_path) as served:
        path = await path_of(served)
        async with served.client.head(path) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Length"] == str(len(PNG))
            assert await answer.read() == b""
            assert holds_a_stranger_back(answer)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ipfs/QmcJw6x4bQr7oFnVnF6i8SLcJvhXjaxWvj54FYXmZ4Ct6p", 404),
        ("/ipfs/nothing", 400),
        ("/ipfs/Qm" + "1" * 5000, 400),
        ("/ipfs/%FF%00", 400),
        ("/ipfs/", 404),
        ("/ipfs", 404),
        ("/ipfs/QmcJw6x4bQr7oFnVnF6i8SLcJvhXjaxWvj54FYXmZ4Ct6p/x", 404),
    ],
)
async def test_what_is_not_there_is_not_given(tmp_path: Path, path: str, status: int) -> None:
    async with files(tmp_path) as served, served.client.get(path) as answer:
        assert answer.status == status
        assert "error" in await answer.json()


async def test_a_listing_that_was_sold_is_no_file(tmp_path: Path) -> None:
    """Blocks are kept by their hash for orders too, and are nobody's business."""
    async with files(tmp_path) as served:
        store: Store = served.library.store
        digest = await put(served.library, PNG)
        blob = await served.library.find(digest)
        assert blob is not None
        await served.library.remove(blob)
        async with served.client.get(f"/ipfs/{write_cid(digest)}") as answer:
            assert answer.status == 404
        assert await store.reader.shop_blobs() == []
