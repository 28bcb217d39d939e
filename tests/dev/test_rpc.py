import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.rpc import Outgoing, Rpc
from minirelay.errors import ChainError

ALICE, BOB = ACCOUNTS[:2]
BOB_ADDRESS = bytes.fromhex(BOB.address[2:])


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Rpc]:
    async with aiohttp.ClientSession() as session:
        yield Rpc(session, url)


@asynccontextmanager
async def answering(answer: Callable[[Any], object]) -> AsyncIterator[Rpc]:
    """An endpoint that answers a batch with whatever a test wants."""

    async def post(request: web.Request) -> web.Response:
        body = answer(await request.json())
        return web.Response(body=body if isinstance(body, bytes) else json.dumps(body).encode())

    app = web.Application()
    app.router.add_post("/", post)
    async with TestServer(app) as server, connected(str(server.make_url("/"))) as rpc:
        yield rpc


async def test_calls_and_batches(dev_chain: DevChain) -> None:
    async with connected(dev_chain.rpc_url) as rpc:
        assert await rpc.call("eth_chainId") == "0x7a69"
        assert await rpc.batch([("net_version", ()), ("web3_sha3", ("0x",))]) == [
            "31337",
            "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
        ]


async def test_answers_in_any_order_are_put_in_theirs() -> None:
    async with answering(lambda batch: [{"id": r["id"], "result": r["id"]} for r in reversed(batch)]) as rpc:
        assert await rpc.batch([("a", ()), ("b", ()), ("c", ())]) == [0, 1, 2]


async def test_failed_call_is_named(dev_chain: DevChain) -> None:
    async with connected(dev_chain.rpc_url) as rpc:
        with pytest.raises(ChainError, match="eth_nonsense failed: the method eth_nonsense"):
            await rpc.batch([("eth_chainId", ()), ("eth_nonsense", ())])


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\xff", {}, [], 5, [5], [{"id": 7}], None])
async def test_broken_answers(answer: object) -> None:
    async with answering(lambda _: answer) as rpc:
        with pytest.raises(ChainError, match="can't be asked"):
            await rpc.call("eth_chainId")


async def test_nobody_answers() -> None:
    async with connected("http://127.0.0.1:1") as rpc:
        with pytest.raises(ChainError, match="can't be asked"):
            await rpc.call("eth_chainId")


async def test_transactions_are_sent_and_mined(dev_chain: DevChain) -> None:
    async with connected(dev_chain.rpc_url) as rpc:
        before = int(await rpc.call("eth_getBalance", BOB.address, "latest"), 16)
        await rpc.transact(ALICE, [Outgoing(BOB_ADDRESS, value=5), Outgoing(BOB_ADDRESS, b"\x01", 6)])
        assert int(await rpc.call("eth_getBalance", BOB.address, "latest"), 16) == before + 11
        assert await rpc.call("eth_getTransactionCount", ALICE.address, "latest") == "0x2"
        await rpc.transact(ALICE, [])


async def test_transaction_that_would_fail_is_not_sent(dev_chain: DevChain, deployment: Deployment) -> None:
    async with connected(dev_chain.rpc_url) as rpc:
        with pytest.raises(ChainError, match="eth_estimateGas failed: execution reverted"):
            await rpc.transact(ALICE, [Outgoing(bytes.fromhex(deployment.eddies[2:]), b"nonsense")])
        assert await rpc.call("eth_getTransactionCount", ALICE.address, "latest") == "0x0"


async def test_transaction_that_failed_in_its_block() -> None:
    def answer(batch: Any) -> object:
        results = {
            "eth_sendRawTransaction": "0x01",
            "eth_getTransactionReceipt": {"status": "0x0"},
        }
        return [{"id": r["id"], "result": results[r["method"]]} for r in batch]

    async with answering(answer) as rpc:
        with pytest.raises(ChainError, match="mined but failed"):
            await rpc.send_raw([b"\x02"])


async def test_receipts_are_waited_for_with_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(batch: Any) -> object:
        asked.extend(r["params"][0] for r in batch)
        mined = {"0x0a": True, "0x0b": len(asked) > 8, "0x0c": False}
        return [
            {
                "id": r["id"],
                "result": r["params"][0]
                if r["method"] == "eth_sendRawTransaction"
                else ({"status": "0x1"} if mined[r["params"][0]] else None),
            }
            for r in batch
        ]

    async with answering(answer) as rpc:
        await rpc.send_raw([b"\x0a", b"\x0b"])
        assert asked.count("0x0a") == 2, "what is mined is not asked for again"
        assert asked.count("0x0b") > 3
        monkeypatch.setattr("minirelay.dev.rpc.RECEIPT_TIMEOUT_S", 0.1)
        with pytest.raises(ChainError, match="were not mined within"):
            await rpc.send_raw([b"\x0c"])
