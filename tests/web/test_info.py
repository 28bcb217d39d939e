"""`GET /`: a page for browsers, a document for programs."""

import msgspec
import pytest

from minirelay import __version__
from minirelay.config.chains import ChainSettings
from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl, EndpointUrl
from minirelay.web.info import sessions_url
from tests.web.edge import RELAY_TOKEN, SETTINGS, serving

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
async def test_the_document(accept: str) -> None:
    settings = msgspec.structs.replace(SETTINGS, chains={1: ChainSettings()})
    async with serving(settings=settings) as client, client.get("/", headers={"Accept": accept}) as response:
        assert response.content_type == "application/json"
        assert response.headers["Vary"] == "Accept"
        document = await response.json()
    assert document["limits"]["max_sessions"] == 4096
    assert document["limits"]["frame_size"] == 2097152
    del document["limits"]
    assert document == {
        "software": "minirelay",
        "version": __version__,
        "network_versions": [4],
        "relay_token_id": f"0x{RELAY_TOKEN:064x}",
        "registry_chain_id": 31337,
        "chains": [1, 31337],
    }


async def test_the_page() -> None:
    async with serving() as client, client.get("/", headers={"Accept": BROWSER}) as response:
        assert response.content_type == "text/html"
        assert response.charset == "utf-8"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        page = await response.text()
    assert "<h1>localhost:4444</h1>" in page
    assert f"0x{RELAY_TOKEN:064x}" in page
    assert "ws://localhost:4444/v4/sessions" in page
    assert "Development mode" not in page
    assert "$" not in page


async def test_the_page_says_that_it_is_development() -> None:
    settings = msgspec.structs.replace(SETTINGS, development=True)
    async with serving(settings=settings) as client, client.get("/", headers={"Accept": BROWSER}) as response:
        assert "Development mode" in await response.text()


async def test_neither_tells_secrets_and_both_escape() -> None:
    chain = ChainSettings(rpc_urls=(EndpointUrl("https://rpc.example/SECRET"),))
    settings = msgspec.structs.replace(SETTINGS, chains={1: chain}, base_url=BaseUrl("http://a&b<i>"))
    async with serving(settings=settings) as client:
        for accept in (BROWSER, "*/*"):
            async with client.get("/", headers={"Accept": accept}) as response:
                text = await response.text()
                assert "SECRET" not in text
                assert "<i>" not in text


def test_the_websocket_has_the_scheme_that_fits() -> None:
    secure = Settings(base_url=BaseUrl.parse("https://relay.example/shop"))
    assert sessions_url(secure) == "wss://relay.example/shop/v4/sessions"
    assert sessions_url(Settings()) == "ws://127.0.0.1:4444/v4/sessions"
