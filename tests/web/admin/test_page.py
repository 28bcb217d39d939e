"""The operator's page is a fixed list of files that may do nothing but talk to their own listener."""

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

import minirelay.web.admin.page as page_module
from minirelay.web.admin.app import create_admin_app
from minirelay.web.admin.page import PAGE_POLICY, PageApi
from tests.web.admin.listening import gated

STATIC = Path(page_module.__file__).parent / "static"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def test_every_file_is_given_with_its_type_and_a_strict_policy() -> None:
    api = PageApi(is_development=False)
    assert api.names == {one.name for one in STATIC.iterdir()} - {"index.html", "visitor.html"}
    async with TestClient(TestServer(create_admin_app(api))) as client:
        for name in ("", *(f"static/{one}" for one in sorted(api.names))):
            async with client.get(f"/{name}") as answer:
                assert answer.status == 200
                assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
                kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
                assert answer.content_type == kind.get(name.rpartition(".")[2], "text/html")
                known = {"If-None-Match": answer.headers["ETag"]}
            async with client.get(f"/{name}", headers=known) as answer:
                assert answer.status == 304


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "..%2fgate.py", "%2e%2e/gate.py", "%00", ""])
async def test_nothing_else_is_given(name: str) -> None:
    server = TestServer(create_admin_app(PageApi(is_development=False)))
    async with TestClient(server) as client, client.get(f"/static/{name}") as answer:
        assert answer.status == 404


def test_the_policy_allows_no_inline_script_no_eval_and_no_other_origin() -> None:
    assert PAGE_POLICY.startswith("default-src 'none'; script-src 'self'; ")
    for never in ("unsafe", "http", "*", "nonce", "blob:"):
        assert never not in PAGE_POLICY
    assert "frame-ancestors 'none'" in PAGE_POLICY


@pytest.mark.parametrize("name", sorted(one.name for one in STATIC.iterdir()))
def test_no_file_parses_markup_or_names_another_origin(name: str) -> None:
    text = (STATIC / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|DOMParser|https?://", text
    )
    assert name.endswith(".css") or not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>|javascript:", text)


async def test_visitors_are_told_how_to_log_in_and_programs_get_json() -> None:
    async with gated() as listener:
        async with listener.client.get("/", headers=BROWSER) as answer:
            assert (answer.status, answer.content_type) == (401, "text/html")
            assert "minirelay admin" in await answer.text()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        async with listener.client.get("/static/main.js", headers=BROWSER) as answer:
            assert (answer.status, answer.content_type) == (401, "application/json")
        async with listener.client.get("/login?token=x", headers=BROWSER) as answer:
            assert (answer.status, answer.content_type) == (403, "text/html")
            assert "used, or is too old" in await answer.text()
        async with listener.client.get("/nothing", headers=BROWSER) as answer:
            assert (answer.status, answer.content_type) == (401, "text/html")
            assert "used, or is too old" not in await answer.text()
        await listener.log_in()
        for path, kind in (("/nothing", "text/html"), ("/v1/nothing", "application/json")):
            async with listener.client.get(path, headers=BROWSER) as answer:
                assert (answer.status, answer.content_type) == (404, kind)
                assert ('href="/"' in await answer.text()) is (kind == "text/html")
        async with listener.client.get("/nothing") as answer:
            assert (answer.status, answer.content_type) == (404, "application/json")


async def test_the_page_knows_whether_it_is_a_developers() -> None:
    for is_development, word in ((False, "no"), (True, "yes")):
        app = create_admin_app(PageApi(is_development=is_development))
        async with TestClient(TestServer(app)) as client, client.get("/") as answer:
            assert f'data-development="{word}"' in await answer.text()
