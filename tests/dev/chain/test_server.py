import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from minirelay.dev.chain import server
from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.node import Node
from minirelay.dev.chain.server import MAX_BODY_BYTES, create_app
from tests.dev.chain.asking import ALICE, BOB, CAROL, STORE, creation, signed, store

Socket = aiohttp.ClientWebSocketResponse
CHAIN_ID = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
Client = TestClient[aiohttp.web.Request, aiohttp.web.Application]


async def call(socket: Socket, method: str, *params: object) -> Any:
    """Call; what comes before the answer is a notification, and a failure."""
    await socket.send_json({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    response = await received(socket)
    assert response["id"] == 7, response
    return response.get("result", response.get("error"))


async def received(socket: Socket) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await socket.receive_str())


async def post(client: Client, method: str, *params: object) -> Any:
    async with client.post("/", json={"id": 1, "method": method, "params": params}) as response:
        return (await response.json())["result"]


@pytest.mark.parametrize("path", ["/", "/ws"])
async def test_requests_are_answered_on_any_path(path: str) -> None:
    async with serving() as (client, _), client.ws_connect(path) as socket:
        await socket.send_json(CHAIN_ID)
        assert (await received(socket))["result"] == "0x7a69"
        await socket.send_json([CHAIN_ID, CHAIN_ID])
        assert len(await received(socket)) == 2
        await socket.send_str("{")
        assert (await received(socket))["error"]["code"] == -32700


async def test_new_heads_come_whoever_made_them() -> None:
    async with serving() as (client, node), client.ws_connect("/") as socket:
        number = await call(socket, "eth_subscribe", "newHeads")
        await post(client, "evm_mine")
        told = await received(socket)
        assert (told["method"], told["params"]["subscription"]) == ("eth_subscription", number)
        head = told["params"]["result"]
        assert head["hash"] == "0x" + node.chain.head.hash.hex()
        assert "transactions" not in head
        assert await call(socket, "eth_unsubscribe", number) is True
        assert await call(socket, "eth_unsubscribe", number) is False
        await post(client, "evm_mine")
        assert await call(socket, "eth_blockNumber") == "0x2", "nothing is told any more"


async def test_logs_that_match_come() -> None:
    async with serving() as (client, _), client.ws_connect("/") as socket:
        sent = await post(client, "eth_sendTransaction", {"from": CAROL.address, "data": creation(STORE)})
        contract = (await post(client, "eth_getTransactionReceipt", sent))["contractAddress"]
        wanted = {"address": contract, "topics": [[f"0x{value:064x}" for value in (2, 3)]]}
        number = await call(socket, "eth_subscribe", "logs", wanted)
        for value in (1, 2):
            request = {"from": ALICE.address, "to": contract, "data": store(value)}
            await post(client, "eth_sendTransaction", request)
        told = (await received(socket))["params"]
        assert told["subscription"] == number
        assert int(told["result"]["data"], 16) == 2
        assert await call(socket, "eth_blockNumber") == "0x3", "one log was told, not two"


async def test_subscriptions_need_a_websocket_and_a_kind() -> None:
    async with serving() as (client, _), client.ws_connect("/") as socket:
        body = {"id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
        async with client.post("/", json=body) as response:
            assert (await response.json())["error"]["code"] == -32601
        assert (await call(socket, "eth_subscribe", "syncing"))["code"] == -32602
        assert (await call(socket, "eth_subscribe"))["code"] == -32602


async def test_who_reads_too_slowly_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_UNSENT", 5)
    async with serving() as (client, node), client.ws_connect("/") as socket:
        await call(socket, "eth_subscribe", "newHeads")
        # All in one turn: the sender does not get to run in between.
        for _ in range(6):
            node.mine()
        async with asyncio.timeout(10):
            message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, server.TOO_SLOW)
        async with asyncio.timeout(10):
            while node.followers:  # noqa: ASYNC110 (the end of a handler announces itself to nobody)
                await asyncio.sleep(0.01)


async def test_connections_are_bounded_and_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    async with serving() as (client, node):
        async with client.ws_connect("/") as socket:
            await call(socket, "eth_subscribe", "newHeads")
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.ws_connect("/")
        async with asyncio.timeout(10):
            while node.followers:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with client.ws_connect("/") as socket:
            assert await call(socket, "eth_chainId") == "0x7a69"


async def test_blocks_at_an_interval_until_it_is_ended() -> None:
    async with serving() as (client, _), client.ws_connect("/") as socket:
        await call(socket, "eth_subscribe", "newHeads")
        await post(client, "evm_setIntervalMining", 10)
        numbers = [int((await received(socket))["params"]["result"]["number"], 16) for _ in range(3)]
        assert numbers == [1, 2, 3]
        await post(client, "evm_setIntervalMining", 0)
        height = await post(client, "eth_blockNumber")
        await post(client, "eth_sendTransaction", {"to": BOB.address})
        assert int(await post(client, "eth_blockNumber"), 16) == int(height, 16) + 1


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
