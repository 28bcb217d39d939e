"""What a client asks over HTTP: who the relay is, enrolling a key card, uploading blobs."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from minirelay.blobs.cid import read_cid, write_cid_1
from minirelay.client.errors import (
    BlobUnavailable,
    ClientError,
    EnrolmentRefused,
    RelayUnreachable,
    UploadRefused,
    WrongBlob,
)
from minirelay.client.http import (
    Blob,
    EnrolmentRequest,
    RelayInfo,
    asking,
    enrol,
    enrolment_text,
    fetch_blob,
    fetch_info,
    read_body,
    read_json,
    upload,
)
from minirelay.protocol.sign_in import parse
from minirelay.protocol.signing import PrivateKey, address_of, recover
from tests.client.scripted_relay import ScriptedRelay

Serve = Callable[[bytes], web.Response]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def served(body: bytes) -> TestServer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/", answer)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_a_body_is_read_to_its_end(http: aiohttp.ClientSession) -> None:
    body = bytes(300_000)
    server = await served(body)
    async with http.get(server.make_url("/")) as response:
        assert await read_body(response, len(body)) == body
    await server.close()


async def test_a_body_that_is_too_long_is_not(http: aiohttp.ClientSession) -> None:
    server = await served(bytes(300_001))
    async with http.get(server.make_url("/")) as response:
        with pytest.raises(ValueError, match="longer than 300000"):
            await read_body(response, 300_000)
    await server.close()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 16_000, b"[" * 100_000])
async def test_what_is_no_json_makes_the_relay_unreachable(http: aiohttp.ClientSession, body: bytes) -> None:
    server = await served(body)
    with pytest.raises(RelayUnreachable, match="no usable answer"):
        async with asking(server.make_url("/")), http.get(server.make_url("/")) as response:
            await read_json(response)
    await server.close()


async def test_nobody_there_makes_the_relay_unreachable(http: aiohttp.ClientSession) -> None:
    url = URL("http://127.0.0.1:1/")
    with pytest.raises(RelayUnreachable, match=r"127\.0\.0\.1:1"):
        async with asking(url), http.get(url):
            pass


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
    """Return a relay that is not running yet: its endpoints have to be there before."""
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


class Enrolments:
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
    endpoint = Enrolments(web.json_response({"success": True}, status=201))
    await endpoint.enrol()
    signature = b64decode(endpoint.body["signature"])
    assert address_of(recover(endpoint.body["message"].encode(), signature)) == WALLET.address
    assert parse(endpoint.body["message"]).domain == "localhost:4444"
    assert endpoint.query == {}


async def test_guests_say_so() -> None:
    endpoint = Enrolments(web.json_response({"success": True}, status=201))
    await endpoint.enrol(replace(REQUEST, is_guest=True))
    assert endpoint.query == {"guest": "1"}


@pytest.mark.parametrize("status", [400, 403, 409, 429, 500, 502])
async def test_a_refused_enrolment_has_a_status_and_a_reason(status: int) -> None:
    endpoint = Enrolments(web.json_response({"handler": "enrollKeyCard", "error": "because"}, status=status))
    with pytest.raises(EnrolmentRefused) as caught:
        await endpoint.enrol()
    assert (caught.value.status, caught.value.reason) == (status, "because")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"[" * 50_000])
async def test_a_refusal_in_other_words_is_one_too(body: bytes) -> None:
    with pytest.raises(EnrolmentRefused) as caught:
        await Enrolments(web.Response(status=403, body=body)).enrol()
    assert caught.value.status == 403
    assert caught.value.reason in ("Forbidden", "[1]")


async def test_a_relay_that_is_not_there_enrols_nobody() -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(RelayUnreachable):
            await enrol(http, URL("http://127.0.0.1:1"), REQUEST, WALLET, BASE_URL)


class Uploads:
    """An endpoint that remembers what was uploaded."""

    def __init__(self, response: web.Response) -> None:
        self.relay = ScriptedRelay()
        self.relay.app.router.add_post("/v4/upload_blob", self.answer)
        self.response = response
        self.content = b""
        self.token = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.token = request.query["token"]
        async for part in await request.multipart():
            assert isinstance(part, aiohttp.BodyPartReader)
            assert part.name == "file"
            self.content = bytes(await part.read())
        return self.response

    async def upload(self, content: bytes) -> Blob:
        async with self.relay.running(), aiohttp.ClientSession() as http:
            return await upload(http, f"{self.relay.url}/v4/upload_blob?token=secret".encode(), content)


async def test_bytes_go_up_and_their_place_comes_back() -> None:
    document = {"ipfs_path": "/ipfs/Qm1", "url": "http://relay/ipfs/Qm1"}
    endpoint = Uploads(web.json_response(document, status=201))
    content = bytes(range(256)) * 2000
    assert await endpoint.upload(content) == Blob("/ipfs/Qm1", "http://relay/ipfs/Qm1")
    assert (endpoint.content, endpoint.token) == (content, "secret")


async def test_a_refused_upload_has_a_status_and_a_reason() -> None:
    document = {"handler": "getBlobUpload", "error": "too large"}
    with pytest.raises(UploadRefused) as caught:
        await Uploads(web.json_response(document, status=413)).upload(b"x")
    assert (caught.value.status, caught.value.reason) == (413, "too large")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ipfs_path": 7, "url": 8}', b"[]"])
async def test_nonsense_is_no_place(body: bytes) -> None:
    with pytest.raises(RelayUnreachable, match="no usable answer"):
        await Uploads(web.Response(status=201, body=body)).upload(b"x")


FOO = "QmcJw6x4bQr7oFnVnF6i8SLcJvhXjaxWvj54FYXmZ4Ct6p"


async def fetched(response: web.Response, path: str = f"/ipfs/{FOO}", most_bytes: int = 1000) -> bytes:
    async def answer(request: web.Request) -> web.Response:
        return response

    relay = ScriptedRelay()
    relay.app.router.add_get("/ipfs/{cid}", answer)
    async with relay.running(), aiohttp.ClientSession() as http:
        return await fetch_blob(http, URL(relay.url), path, most_bytes)


@pytest.mark.parametrize("path", [FOO, f"/ipfs/{FOO}", f"/ipfs/{write_cid_1(read_cid(FOO))}"])
async def test_a_blob_comes_that_has_this_cid(path: str) -> None:
    assert await fetched(web.Response(body=b"foo"), path) == b"foo"


@pytest.mark.parametrize("body", [b"", b"fo", b"bar", b"foo\n"])
async def test_another_file_is_not_taken_for_it(body: bytes) -> None:
    with pytest.raises(WrongBlob):
        await fetched(web.Response(body=body))


async def test_a_blob_that_is_not_given_has_a_status_and_a_reason() -> None:
    document = {"error": "this relay has no such file"}
    with pytest.raises(BlobUnavailable) as caught:
        await fetched(web.json_response(document, status=404))
    assert (caught.value.status, caught.value.reason) == (404, "this relay has no such file")
    with pytest.raises(BlobUnavailable, match="302"):
        await fetched(web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}))


async def test_a_blob_that_never_ends_is_left() -> None:
    with pytest.raises(RelayUnreachable, match="longer than 1000"):
        await fetched(web.Response(body=b"foo" * 334))


@pytest.mark.parametrize("path", ["", "/ipfs/", f"/ipfs/{FOO}/..", "http://else.where/", f"/ipfs//{FOO}"])
async def test_what_is_no_cid_is_not_asked_for(path: str) -> None:
    with pytest.raises(ClientError, match="names no file"):
        await fetched(web.Response(body=b"foo"), path)
