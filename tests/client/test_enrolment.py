import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from minirelay.client.enrolment import EnrolmentRequest, enrol, enrolment_text
from minirelay.client.errors import EnrolmentRefused, RelayUnreachable
from minirelay.client.relay_info import RelayInfo
from minirelay.protocol.sign_in import parse
from minirelay.protocol.signing import PrivateKey, address_of, recover
from tests.client.scripted_relay import ScriptedRelay

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors/enroll.json").read_text())
WALLET = PrivateKey(bytes.fromhex(VECTORS["wallet"]["private_key"]))
BASE_URL = URL(VECTORS["base_url"])
REQUEST = EnrolmentRequest(
    relay=RelayInfo(int(VECTORS["relay_id"]), 31337),
    shop_id=int(VECTORS["shop_id"]),
    key_card=bytes.fromhex(VECTORS["key_card"]),
    is_guest=False,
)


def test_the_text_is_the_one_that_relays_accept() -> None:
    case = VECTORS["cases"][0]
    assert case["status"] == 201
    text = enrolment_text(REQUEST, WALLET.address, BASE_URL, datetime(2025, 6, 1, 9, tzinfo=UTC))
    assert text == case["message"]
    assert WALLET.sign(text.encode()) == b64decode(case["signature"])


@pytest.mark.parametrize(
    ("base_url", "domain", "uri"),
    [
        ("https://relay.example", "relay.example", "https://relay.example/v4/enroll_key_card"),
        ("https://relay.example:443/", "relay.example", "https://relay.example/v4/enroll_key_card"),
        ("http://[::1]:4444", "[::1]:4444", "http://[::1]:4444/v4/enroll_key_card"),
        ("https://shop.example/relay", "shop.example", "https://shop.example/relay/v4/enroll_key_card"),
    ],
)
def test_the_domain_is_the_relays_host(base_url: str, domain: str, uri: str) -> None:
    message = parse(enrolment_text(REQUEST, WALLET.address, URL(base_url), datetime.now(UTC)))
    assert (message.domain, message.uri) == (domain, uri)


class Endpoint:
    """An endpoint that remembers what it was asked."""

    def __init__(self, response: web.Response) -> None:
        self.relay = ScriptedRelay()
        self.relay.app.router.add_post("/v4/enroll_key_card", self.answer)
        self.response = response
        self.query: dict[str, str] = {}
        self.body: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.Response:
        self.query = dict(request.query)
        self.body = json.loads(await request.read())
        assert "Referer" not in request.headers
        return self.response

    async def enrol(self, request: EnrolmentRequest = REQUEST) -> None:
        async with self.relay.running(), aiohttp.ClientSession() as http:
            await enrol(http, URL(self.relay.url), request, WALLET, BASE_URL)


async def test_the_wallet_signs_what_is_sent() -> None:
    endpoint = Endpoint(web.json_response({"success": True}, status=201))
    await endpoint.enrol()
    signature = b64decode(endpoint.body["signature"])
    assert address_of(recover(endpoint.body["message"].encode(), signature)) == WALLET.address
    assert parse(endpoint.body["message"]).domain == "localhost:4444"
    assert endpoint.query == {}


async def test_guests_say_so() -> None:
    endpoint = Endpoint(web.json_response({"success": True}, status=201))
    await endpoint.enrol(replace(REQUEST, is_guest=True))
    assert endpoint.query == {"guest": "1"}


@pytest.mark.parametrize("status", [400, 403, 409, 429, 500, 502])
async def test_a_refusal_has_a_status_and_a_reason(status: int) -> None:
    endpoint = Endpoint(web.json_response({"handler": "enrollKeyCard", "error": "because"}, status=status))
    with pytest.raises(EnrolmentRefused) as caught:
        await endpoint.enrol()
    assert (caught.value.status, caught.value.reason) == (status, "because")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"[" * 50_000])
async def test_a_refusal_in_other_words_is_one_too(body: bytes) -> None:
    with pytest.raises(EnrolmentRefused) as caught:
        await Endpoint(web.Response(status=403, body=body)).enrol()
    assert caught.value.status == 403
    assert caught.value.reason in ("Forbidden", "[1]")


async def test_a_relay_that_is_not_there_enrols_nobody() -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(RelayUnreachable):
            await enrol(http, URL("http://127.0.0.1:1"), REQUEST, WALLET, BASE_URL)
