"""The relay's token over HTTP: what comes with a request is checked before anything is asked."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from minirelay.web.admin.app import create_admin_app
from minirelay.web.admin.registering import NEED, SEND, RegisteringApi
from tests.operations.test_registering import UPDATE, Needs, registering


@pytest.fixture
def needs() -> Needs:
    return Needs(UPDATE)


@pytest.fixture
async def client(needs: Needs) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    app = create_admin_app(RegisteringApi(registering(needs)))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_what_is_needed_then_sending_it(client: TestClient, needs: Needs) -> None:  # type: ignore[type-arg]
    async with client.post(NEED, json={"base_url": "https://new.example"}) as answer:
        cost = (await answer.json())["cost"]
    assert needs.sent == []
    async with client.post(SEND, json={"base_url": "https://new.example", "most_wei": cost}) as answer:
        assert (answer.status, (await answer.json())["result"]) == (200, "updated")
    assert needs.sent == [UPDATE]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"base_url": "https://new.example"},
        {"base_url": "https://new.example", "most_wei": "-1"},
        {"base_url": "https://new.example", "most_wei": "²"},
        {"base_url": "https://new.example", "most_wei": 50},
        {"base_url": "https://new.example", "most_wei": "9" * 79},
        {"base_url": "x" * 2049, "most_wei": "50"},
        {"base_url": "new", "most_wei": "50"},
        [],
    ],
)
async def test_what_makes_no_sense_is_refused(client: TestClient, needs: Needs, content: object) -> None:  # type: ignore[type-arg]
    async with client.post(SEND, json=content) as answer:
        assert answer.status == 409
        assert "error" in await answer.json()
    assert needs.sent == []
