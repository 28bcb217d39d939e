"""`POST /v4/enroll_key_card` over HTTP: every answer is JSON, whatever goes wrong."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, FormData

from minirelay.chain.errors import ChainUnreachable, WrongContract
from minirelay.config.limits import LimitSettings
from minirelay.config.quantities import PositiveSeconds
from minirelay.errors import StorageFull, StoreError
from minirelay.relay.enrolment import (
    AdmissionPolicy,
    CardAlreadyEnrolled,
    FirstCardIsGuest,
    GuestCeilingReached,
)
from minirelay.web.routes import ENROLMENT
from tests.web.edge import SETTINGS, Backend, serving

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "enroll.json").read_text("utf-8")
)
GOOD: dict[str, Any] = VECTORS["cases"][0]
PATH = "/v4/enroll_key_card"
SUCCESS = {"handler": "enrollKeyCard", "success": True}


def body_of(case: dict[str, Any]) -> bytes:
    return json.dumps({"message": case["message"], "signature": case["signature"]}).encode()


async def post(
    client: ClientSession, body: bytes = body_of(GOOD), path: str = PATH, **headers: str
) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, data=body, headers=named) as response:
        assert response.content_type == "application/json"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        content = json.loads(await response.read())
        if response.status != 201:
            assert set(content) == {"handler", "error"}
            assert content["handler"] == "enrollKeyCard"
            assert content["error"]
        return response.status, content


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
async def test_conformance(case: dict[str, Any]) -> None:
    headers = {"Referer": case["referer"]} if case["referer"] else {}
    path = f"{PATH}?guest=1" if case["guest"] else PATH
    async with serving() as client:
        status, _ = await post(client, body_of(case), path, **headers)
    assert status == case["status"]


async def test_success_as_clients_read_it() -> None:
    async with serving() as client, client.post(PATH, data=body_of(GOOD)) as response:
        assert (response.status, response.reason) == (201, "Created")
        assert await response.json() == SUCCESS


@pytest.mark.parametrize("query", ["?guest=1", "?x=y&guest=1"])
async def test_guests(query: str) -> None:
    backend = Backend(permitted=False)
    async with serving(backend) as client:
        assert await post(client, path=PATH + query) == (201, SUCCESS)
    assert [card.is_guest for card in backend.enrolled] == [True]


@pytest.mark.parametrize("query", ["", "?guest=0", "?guest=", "?guest=true", "?Guest=1"])
async def test_everybody_else_is_a_clerk(query: str) -> None:
    backend = Backend()
    async with serving(backend) as client:
        assert await post(client, path=PATH + query) == (201, SUCCESS)
    assert [card.is_guest for card in backend.enrolled] == [False]


@pytest.mark.parametrize(
    "kind", ["text/plain;charset=UTF-8", "application/json", "multipart/form-data", "x", ""]
)
async def test_the_content_type_does_not_matter(kind: str) -> None:
    async with serving() as client:
        assert await post(client, Content_Type=kind) == (201, SUCCESS)


async def test_an_empty_referer_is_none() -> None:
    async with serving() as client:
        assert await post(client, Referer="") == (201, SUCCESS)


async def test_a_full_disk_is_told_as_such() -> None:
    async with serving(Backend(admit_error=StorageFull())) as client:
        status, content = await post(client)
    assert (status, content["error"]) == (503, "relay storage is full, try again later")


@pytest.mark.parametrize(
    ("backend", "status"),
    [
        (Backend(permitted=False), 403),
        (Backend(policy=AdmissionPolicy("list")), 403),
        (Backend(admit_error=GuestCeilingReached("too many guests")), 403),
        (Backend(admit_error=CardAlreadyEnrolled("enrolled already")), 409),
        (Backend(admit_error=FirstCardIsGuest("no clerk yet")), 409),
        (Backend(registry_error=ChainUnreachable("no endpoint at https://rpc.example/KEY")), 502),
        (Backend(registry_error=WrongContract("chains.1.shop_reg: the contract is no ShopReg")), 502),
        (Backend(admit_error=StoreError("disk full at /var/lib")), 503),
        (Backend(admit_error=RuntimeError("a secret of the inside")), 500),
    ],
    ids=lambda value: value if isinstance(value, int) else "",
)
async def test_each_refusal_has_its_status(
    backend: Backend, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "minirelay")
    async with serving(backend) as client:
        found, content = await post(client)
    assert found == status
    (line,) = [one for one in caplog.records if one.name == "minirelay.web.errors"]
    if status < 500:
        assert line.getMessage() == "an enrolment was refused"
        assert vars(line)["reason"] == content["error"]
    for secret in ("KEY", "/var/lib", "secret", "Traceback"):
        assert secret not in content["error"]


@pytest.mark.parametrize("body", [b"", b"\0" * 100, b"{" * 5000, b'{"message": 1}', b"\xff" * 1000])
async def test_hostile_bodies(body: bytes) -> None:
    async with serving() as client:
        status, _ = await post(client, body)
        assert status == 400
        assert await post(client) == (201, SUCCESS)


async def test_bodies_are_bounded() -> None:
    async with serving() as client:
        status, _ = await post(client, body_of(GOOD).ljust(ENROLMENT.max_body_bytes))
        assert status == 201
        status, _ = await post(client, b" " * (ENROLMENT.max_body_bytes + 1))
        assert status == 413


async def test_bodies_are_never_expanded() -> None:
    async with serving() as client:
        for body in (gzip.compress(body_of(GOOD)), b"no gzip"):
            status, _ = await post(client, body, Content_Encoding="gzip")
            assert status == 400
        assert await post(client) == (201, SUCCESS)


async def test_a_body_that_does_not_come() -> None:
    limits = msgspec.structs.replace(SETTINGS.limits, body_timeout=PositiveSeconds(0.05))
    async with serving(settings=msgspec.structs.replace(SETTINGS, limits=limits)) as client:
        async with client.get("/health") as response:
            url = response.url
        head = b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1"
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head)
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await writer.wait_closed()
        assert await post(client) == (201, SUCCESS)


async def test_other_methods() -> None:
    async with serving() as client, client.get(PATH) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
        assert (await response.json())["handler"] == "enrollKeyCard"


async def test_too_many_at_once() -> None:
    limits = LimitSettings(enrolment_rate=0.01, enrolment_burst=2)
    settings = msgspec.structs.replace(SETTINGS, limits=limits)
    async with serving(settings=settings) as client:
        assert await post(client) == (201, SUCCESS)
        assert (await post(client, b"rubbish"))[0] == 400
        async with client.post(PATH, data=body_of(GOOD)) as response:
            assert response.status == 429
            assert 90 <= int(response.headers["Retry-After"]) <= 100
            assert (await response.json())["handler"] == "enrollKeyCard"
        async with client.get("/health") as response:
            assert response.status == 200


async def test_form_data_is_no_json() -> None:
    form = FormData({"message": "x"})
    async with serving() as client, client.post(PATH, data=form) as response:
        assert response.status == 400
