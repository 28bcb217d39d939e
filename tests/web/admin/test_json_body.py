"""What comes with the operator's requests is a JSON object of what is asked for, or an error says so."""

import pytest
from aiohttp.test_utils import TestClient


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/payments/unswept", b"{", 409, "not JSON"),
        ("/v1/payments/unswept", b"[]", 409, "not a JSON object"),
        ("/v1/payments/unswept", b"[" * 60_000, 409, "not JSON"),
        ("/v1/payments/unswept", b'{"a": %s}' % (b"9" * 5000), 409, "not JSON"),
        ("/v1/payments/0x12345/accept", b'{"reason": "\\ud800"}', 409, "a character that is none"),
        ("/v1/payments/unswept", b'{"chain_id": true}', 409, "chain_id is a whole number"),
        ("/v1/payments/unswept", b'{"chain_id": "1"}', 409, "chain_id is a whole number"),
        ("/v1/payments/0x12345/accept", b'{"reason": 1}', 409, "reason is text"),
        ("/v1/payments/0x12345/accept", b'{"reason": "%s"}' % (b"x" * 501), 409, "at most 500"),
        ("/v1/payments/unswept", b'{"reason": "%s"}' % (b"x" * 70_000), 413, "Too Large"),
    ],
)
async def test_what_is_no_object_of_what_is_wanted_is_refused(
    operator: TestClient,  # type: ignore[type-arg]
    path: str,
    body: bytes,
    status: int,
    words: str,
) -> None:
    async with operator.post(path, data=body) as answer:
        assert answer.status == status
        assert words in (await answer.json())["error"]


async def test_without_a_body_all_is_meant(operator: TestClient) -> None:  # type: ignore[type-arg]
    async with operator.post("/v1/payments/unswept") as answer:
        assert await answer.json() == []


@pytest.mark.parametrize("charset", ["nope", "utf-7", "idna", "rot13"])
async def test_json_is_utf_8_whatever_is_said_of_it(
    operator: TestClient,  # type: ignore[type-arg]
    charset: str,
) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    async with operator.post("/v1/payments/unswept", data=b"{}", headers=headers) as answer:
        assert (answer.status, await answer.json()) == (200, [])
