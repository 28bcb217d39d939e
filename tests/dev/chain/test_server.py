import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.node import Node
from minirelay.dev.chain.server import MAX_BODY_BYTES, create_app
from tests.dev.chain.asking import signed

CHAIN_ID = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}

Client = TestClient[aiohttp.web.Request, aiohttp.web.Application]


@asynccontextmanager
async def serving(block_time_s: float | None = None) -> AsyncIterator[tuple[Client, Node]]:
    with closing(Ledger(None)) as ledger:
        node = Node(ledger, mines_at_once=block_time_s is None)
        async with TestClient(TestServer(create_app(node, block_time_s))) as client:
            yield client, node


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so that the timer brings about."""
    while not holds():  # noqa: ASYNC110 (a block announces itself to nobody)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/", "/rpc", "/v1/key?x=y"])
async def test_any_path_answers(path: str) -> None:
    async with serving() as (client, _), client.post(path, json=CHAIN_ID) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert await response.json() == {"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}


async def test_content_type_is_no_matter() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
    async with (
        serving() as (client, _),
        client.post("/", data=body, headers={"Content-Type": "text/plain"}) as response,
    ):
        assert (await response.json())["result"] == "0x7a69"


async def test_errors_are_answers_too() -> None:
    async with serving() as (client, _), client.post("/", data=b"\xff\x00") as response:
        assert response.status == 200
        assert (await response.json())["error"]["code"] == -32700


async def test_notification_gets_an_empty_answer() -> None:
    mine = {"jsonrpc": "2.0", "method": "evm_mine"}
    async with serving() as (client, node), client.post("/", json=mine) as response:
        assert response.status == 200
        assert await response.read() == b""
        assert node.chain.head.block_number == 1


async def test_web_pages_of_any_origin_may_call() -> None:
    async with serving() as (client, _):
        headers = {
            "Origin": "https://wallet.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        async with client.options("/", headers=headers) as preflight:
            assert preflight.status == 204
            assert preflight.headers["Access-Control-Allow-Origin"] == "*"
            assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
            assert preflight.headers["Access-Control-Allow-Headers"] == "*"
        async with client.post("/", json=CHAIN_ID, headers=headers) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_other_methods_are_refused() -> None:
    async with serving() as (client, _):
        for method in ("GET", "PUT", "DELETE"):
            async with client.request(method, "/") as response:
                assert response.status == 405


async def test_bodies_are_bounded() -> None:
    async with serving() as (client, _):
        async with client.post("/", data=io.BytesIO(b" " * (MAX_BODY_BYTES + 1))) as response:
            assert response.status == 413
        async with client.post("/", data=io.BytesIO(b" " * (MAX_BODY_BYTES - 2) + b"{}")) as response:
            assert (await response.json())["error"]["code"] == -32600


async def test_clock_makes_the_blocks() -> None:
    async with serving(0.02) as (client, node):
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [signed()]}
        async with client.post("/", json=request) as response:
            tx_hash = bytes.fromhex((await response.json())["result"][2:])
        async with asyncio.timeout(10):
            await until(lambda: node.ledger.transaction_of(tx_hash) is not None)
            await until(lambda: node.chain.head.block_number >= 3)


async def test_clock_goes_on_after_a_block_that_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(0.02) as (_, node):
        failed = asyncio.Event()

        def fail() -> None:
            monkeypatch.undo()
            failed.set()
            raise ZeroDivisionError

        monkeypatch.setattr(node, "mine", fail)
        async with asyncio.timeout(10):
            await failed.wait()
            reached = node.chain.head.block_number + 2
            await until(lambda: node.chain.head.block_number >= reached)
    assert "no block could be mined" in caplog.text
