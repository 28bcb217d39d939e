"""What a browser makes of uploaded files: it shows pictures, and runs nothing."""

import asyncio
import random
import shutil
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from minirelay.blobs.cid import write_cid
from minirelay.config.quantities import PositiveSize
from minirelay.dev.pictures import load_pictures
from tests.blobs.test_library import put
from tests.web.edge import OPEN
from tests.web.files import Files, files

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

RUNS: Final = "<script>document.title = 'it ' + 'ran'; document.body.textContent = 'it ' + 'ran'</script>"
HOSTILE: Final = {
    "html": f"<!doctype html><html><body>{RUNS}</body></html>",
    "svg": "<svg xmlns='http://www.w3.org/2000/svg' onload=\"document.documentElement.id='it '+'ran'\">"
    "<script>document.documentElement.id = 'it ' + 'ran'</script></svg>",
    "xhtml": f"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><body>{RUNS}</body></html>",
    "gif and html": f"GIF89a/*{RUNS}*/",
    "pdf and html": f"%PDF-1.4 {RUNS}",
}
SHOWS: Final = """<!doctype html><title>loading</title><img src="{url}"
onload="document.title = this.naturalWidth + ' wide'" onerror="document.title = 'broken'">"""


UPLOADS: Final = """<!doctype html><title>loading</title><body><script>
const form = new FormData();
form.append("file", new Blob([new Uint8Array({size})]), "f");
fetch("{url}", {{method: "POST", body: form}}).then(async answer => {{
  document.body.textContent = answer.status + " " + (await answer.json()).error;
}}, error => {{ document.body.textContent = "failed: " + error; }});
</script></body>"""


async def dom(url: str, profile: Path) -> str:
    """Open a page; return what it is after its scripts ran."""
    assert CHROMIUM is not None
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *flags,
        f"--user-data-dir={profile}",
        "--virtual-time-budget=3000",
        "--dump-dom",
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode("utf-8", "replace")


async def url_of(served: Files, content: bytes) -> str:
    async with served.client.get("/") as answer:
        base = str(answer.url).rstrip("/")
    return f"{base}/ipfs/{write_cid(await put(served.library, content))}"


async def test_an_uploaded_picture_is_shown(tmp_path: Path) -> None:
    async with files(tmp_path / "data") as served:
        page = tmp_path / "page.html"
        page.write_text(SHOWS.format(url=await url_of(served, load_pictures()["cup-22"])))
        assert "320 wide" in await dom(page.as_uri(), tmp_path / "profile")
        noise = random.Random(1).randbytes(1000)
        page.write_text(SHOWS.format(url=await url_of(served, noise)))
        assert "broken" in await dom(page.as_uri(), tmp_path / "profile")


@pytest.mark.parametrize("kind", HOSTILE)
async def test_nothing_that_was_uploaded_runs(tmp_path: Path, kind: str) -> None:
    async with files(tmp_path / "data") as served:
        url = await url_of(served, HOSTILE[kind].encode())
        assert "it ran" not in await dom(url, tmp_path / "profile")
        framed = tmp_path / "page.html"
        framed.write_text(f'<iframe src="{url}"></iframe><object data="{url}"></object>')
        assert "it ran" not in await dom(framed.as_uri(), tmp_path / "profile")


async def test_a_browser_hears_why_its_upload_was_refused(tmp_path: Path) -> None:
    async with files(tmp_path / "data", replace(OPEN, upload_size=PositiveSize(1_000_000))) as served:
        async with served.client.get("/") as answer:
            base = str(answer.url).rstrip("/")
        for size, title in (
            (500_000, "201 undefined"),
            (30_000_000, "413 a file of more than 1000000 bytes"),
        ):
            page = tmp_path / "page.html"
            page.write_text(UPLOADS.format(url=base + served.target(), size=size))
            assert title in await dom(page.as_uri(), tmp_path / "profile")


async def test_the_same_page_from_elsewhere_does_run(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    page = tmp_path / "page.html"
    page.write_text(HOSTILE["html"])
    assert "it ran" in await dom(page.as_uri(), tmp_path / "profile")
