import aiohttp
import pytest
from aiohttp import web

from minirelay.client.blobs import Blob, upload
from minirelay.client.errors import RelayUnreachable, UploadRefused
from tests.client.scripted_relay import ScriptedRelay


class Endpoint:
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
    endpoint = Endpoint(web.json_response(document, status=201))
    content = bytes(range(256)) * 2000
    assert await endpoint.upload(content) == Blob("/ipfs/Qm1", "http://relay/ipfs/Qm1")
    assert (endpoint.content, endpoint.token) == (content, "secret")


async def test_a_refusal_has_a_status_and_a_reason() -> None:
    document = {"handler": "getBlobUpload", "error": "too large"}
    with pytest.raises(UploadRefused) as caught:
        await Endpoint(web.json_response(document, status=413)).upload(b"x")
    assert (caught.value.status, caught.value.reason) == (413, "too large")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ipfs_path": 7, "url": 8}', b"[]"])
async def test_nonsense_is_no_place(body: bytes) -> None:
    with pytest.raises(RelayUnreachable, match="no usable answer"):
        await Endpoint(web.Response(status=201, body=body)).upload(b"x")
