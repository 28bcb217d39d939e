from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from minirelay.client.errors import RelayUnreachable
from minirelay.client.relay_info import RelayInfo, fetch_info
from tests.client.scripted_relay import ScriptedRelay

TOKEN = "0x" + "ab" * 32
INFO = RelayInfo(int(TOKEN, 16), 31337)


async def ask(relay: ScriptedRelay) -> RelayInfo:
    async with aiohttp.ClientSession() as http:
        return await fetch_info(http, URL(relay.url))


def serve(relay: ScriptedRelay, path: str, document: Any, status: int = 200) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Accept"] == "application/json"
        return web.json_response(document, status=status)

    relay.app.router.add_get(path, answer)


@pytest.fixture
def relay() -> ScriptedRelay:
    """Give a relay that is not running yet: its endpoints have to be there before."""
    return ScriptedRelay()


async def test_the_info_document_says_which_relay_it_is(relay: ScriptedRelay) -> None:
    serve(relay, "/", {"relay_token_id": TOKEN, "registry_chain_id": 31337, "more": [1]})
    async with relay.running():
        assert await ask(relay) == INFO


@pytest.mark.parametrize(("document", "status"), [({"hello": "world"}, 200), ({"error": "no"}, 404)])
async def test_relays_under_development_say_it_elsewhere(
    relay: ScriptedRelay, document: Any, status: int
) -> None:
    serve(relay, "/", document, status)
    serve(relay, "/testing/discovery", {"status": "ok", "relay_token_id": TOKEN, "chain_id": 31337})
    async with relay.running():
        assert await ask(relay) == INFO


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"relay_token_id": 7, "registry_chain_id": 1, "chain_id": 1},
        {"relay_token_id": TOKEN},
        {"relay_token_id": "0x", "registry_chain_id": 1, "chain_id": 1},
        {"relay_token_id": "0xgg", "registry_chain_id": 1, "chain_id": 1},
        {"relay_token_id": TOKEN + "00", "registry_chain_id": 1, "chain_id": 1},
        {"relay_token_id": TOKEN, "registry_chain_id": "1", "chain_id": "1"},
    ],
)
async def test_nonsense_is_no_answer(relay: ScriptedRelay, document: Any) -> None:
    serve(relay, "/", document)
    serve(relay, "/testing/discovery", document)
    async with relay.running():
        with pytest.raises(RelayUnreachable, match="does not say which relay"):
            await ask(relay)


async def test_a_relay_that_is_not_there_says_nothing() -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(RelayUnreachable):
            await fetch_info(http, URL("http://127.0.0.1:1"))
