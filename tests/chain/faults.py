"""What endpoints do wrong, each as something that stands between a question and a node that is right.

The node may be anything that answers JSON-RPC: the development chain, Anvil, a chain in memory.
"""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.chain.provider_words import Words

Json = dict[str, Any]
Node = Callable[[Sequence[Json]], Awaitable[list[Json]]]
"""Answers questions, each with its id, in their order."""


@dataclass(frozen=True)
class Asked:
    """What came over HTTP. questions: of a batch, or the only one."""

    request: web.Request
    questions: Sequence[Json]
    is_batch: bool


Fault = Callable[[Asked, Node], Awaitable[web.StreamResponse]]
"""Answers in place of a node, which it may ask."""


def answer_with(asked: Asked, answers: Sequence[Json], status: int = 200, **headers: str) -> web.Response:
    """Make the answer to a batch, or to the only question."""
    content = list(answers) if asked.is_batch else answers[0]
    return web.json_response(content, status=status, headers=headers)


async def no_fault(asked: Asked, node: Node) -> web.StreamResponse:
    """Be right."""
    return answer_with(asked, await node(asked.questions))


def error_for(question: Json, words: Words) -> Json:
    """Make an answer that is an error."""
    error: Json = {"code": words.code, "message": words.message}
    if words.data is not None:
        error["data"] = words.data
    return {"jsonrpc": "2.0", "id": question["id"], "error": error}


# -- what HTTP can do wrong


async def hang(asked: Asked, _node: Node) -> web.StreamResponse:
    """Say nothing."""
    await asyncio.Event().wait()
    raise AssertionError


async def disconnect(asked: Asked, _node: Node) -> web.StreamResponse:
    """Close the connection."""
    assert asked.request.transport is not None
    asked.request.transport.abort()
    return web.Response()


@dataclass
class Page:
    """Answers with a page for people, or with any other bytes."""

    body: bytes = b"<html>502 Bad Gateway</html>"
    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, asked: Asked, _node: Node) -> web.StreamResponse:
        return web.Response(body=self.body, status=self.status, headers=self.headers)


def bomb(megabytes: int = 100) -> Page:
    """Make an answer that is small until it is expanded."""
    body = gzip.compress(b'{"jsonrpc":"2.0","id":1,"result":"' + b" " * (megabytes << 20) + b'"}')
    return Page(body, 200, {"Content-Encoding": "gzip", "Content-Type": "application/json"})


@dataclass
class Huge:
    """Sends much, as fast as it is taken. sent: how many bytes were."""

    megabytes: int = 100
    sent: int = 0

    async def __call__(self, asked: Asked, _node: Node) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(asked.request)
        piece = b"[" + b" " * (2**16 - 1)
        while self.sent < self.megabytes << 20:
            await response.write(piece)
            self.sent += len(piece)
        return response


@dataclass
class TooManyRequests:
    """Wants to be left alone. status: 429, or 200 with an error in it."""

    words: Words
    status: int = 429
    retry_after: str = "7"

    async def __call__(self, asked: Asked, _node: Node) -> web.StreamResponse:
        answers = [error_for(question, self.words) for question in asked.questions]
        return answer_with(asked, answers, self.status, **{"Retry-After": self.retry_after})


# -- what happens to batches


async def reorder(asked: Asked, node: Node) -> web.StreamResponse:
    """Answer in another order."""
    return answer_with(asked, (await node(asked.questions))[::-1])


async def answer_half(asked: Asked, node: Node) -> web.StreamResponse:
    """Leave every second question of a batch unanswered."""
    answers = await node(asked.questions)
    return answer_with(asked, answers[::2])


async def answer_the_first(asked: Asked, node: Node) -> web.StreamResponse:
    """Answer the first question of a batch, as if it were the only one."""
    (answer,) = await node(asked.questions[:1])
    return web.json_response(answer)


@dataclass
class MostInBatch:
    """Refuses larger batches: with one error for all, or one for each."""

    most: int
    words: Words
    is_for_all: bool = True
    status: int = 200

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        if not asked.is_batch or len(asked.questions) <= self.most:
            return answer_with(asked, await node(asked.questions))
        errors = [error_for(question, self.words) for question in asked.questions]
        if self.is_for_all:
            return web.json_response(errors[0] | {"id": None}, status=self.status)
        return answer_with(asked, errors, self.status)


@dataclass
class Refusing:
    """Answers some methods with an error."""

    words: Words
    methods: Sequence[str]

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        answers = [
            error_for(question, self.words) if question["method"] in self.methods else answer
            for question, answer in zip(asked.questions, await node(asked.questions), strict=True)
        ]
        return answer_with(asked, answers)


@dataclass
class Garbage:
    """Answers some methods, or all of them, with something else."""

    result: Any
    methods: Sequence[str] = ()

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        answers = [
            answer | {"result": self.result}
            if not self.methods or question["method"] in self.methods
            else answer
            for question, answer in zip(asked.questions, await node(asked.questions), strict=True)
        ]
        return answer_with(asked, answers)


# -- what happens to logs


@dataclass
class ShortRanges:
    """Refuses ranges of more blocks. largest: the largest range that was asked for."""

    blocks: int
    words: Words
    status: int = 200
    largest: int = 0

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        answers = [
            error_for(question, self.words) if self._is_too_large(question) else answer
            for question, answer in zip(asked.questions, await node(asked.questions), strict=True)
        ]
        return answer_with(asked, answers, self.status if any("error" in one for one in answers) else 200)

    def _is_too_large(self, question: Json) -> bool:
        if question["method"] != "eth_getLogs":
            return False
        criteria = question["params"][0]
        blocks = int(criteria["toBlock"], 16) - int(criteria["fromBlock"], 16) + 1
        self.largest = max(self.largest, blocks)
        return blocks > self.blocks


# -- what a node does that does not have what others have


@dataclass
class Behind:
    """A node that does not have the newest blocks, and says of their logs that there are none.

    blocks: so many behind the head; at: its head, which stands still.
    """

    blocks: int = 0
    at: int | None = None

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        (head,) = await node([{"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}])
        newest = max(0, int(head["result"], 16) - self.blocks)
        if self.at is not None:
            newest = min(newest, self.at)
        return answer_with(
            asked, [await self._answer(question, newest, node) for question in asked.questions]
        )

    async def _answer(self, question: Json, newest: int, node: Node) -> Json:
        method, params = question["method"], json.loads(json.dumps(question["params"]))
        if method == "eth_blockNumber":
            return {"jsonrpc": "2.0", "id": question["id"], "result": hex(newest)}
        if method == "eth_getLogs":
            if int(params[0]["fromBlock"], 16) > newest:
                return {"jsonrpc": "2.0", "id": question["id"], "result": []}
            params[0]["toBlock"] = hex(min(newest, int(params[0]["toBlock"], 16)))
        place = 0 if method == "eth_getBlockByNumber" else 1
        if method in ("eth_getBlockByNumber", "eth_getBalance", "eth_call", "eth_getTransactionCount"):
            number = await self._number(params[place], newest, node)
            if number > newest:
                if method == "eth_getBlockByNumber":
                    return {"jsonrpc": "2.0", "id": question["id"], "result": None}
                return error_for(question, Words("Geth: lags", -32000, "header not found"))
            params[place] = hex(number)
        (answer,) = await node([question | {"params": params}])
        return answer

    async def _number(self, block: Any, newest: int, node: Node) -> int:
        if isinstance(block, dict):
            asked = {"method": "eth_getBlockByHash", "params": [block["blockHash"], False]}
            (found,) = await node([{"jsonrpc": "2.0", "id": 1, **asked}])
            return newest + 1 if found["result"] is None else int(found["result"]["number"], 16)
        return newest if block in ("latest", "safe", "finalized") else int(block, 16)


@dataclass
class GoingBack:
    """A node whose head goes back: two nodes behind one URL, in turns."""

    blocks: int
    turn: int = 0

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        self.turn += 1
        return await Behind(self.blocks if self.turn % 2 else 0)(asked, node)


async def without_logs(asked: Asked, node: Node) -> web.StreamResponse:
    """Say that there are no logs, and have the blocks only that came before the last ten."""
    return await Behind(10)(asked, node)


@dataclass
class Pruned:
    """A node that has the state of its newest blocks only."""

    keeps: int

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        (head,) = await node([{"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}])
        oldest = int(head["result"], 16) - self.keeps + 1
        answers = await node(asked.questions)
        for place, question in enumerate(asked.questions):
            if question["method"] in ("eth_getBalance", "eth_call", "eth_getTransactionCount"):
                block = question["params"][1]
                if isinstance(block, str) and block.startswith("0x") and int(block, 16) < oldest:
                    answers[place] = error_for(question, Words("Geth", -32000, "missing trie node (path )"))
        return answer_with(asked, answers)


@dataclass
class OtherFork:
    """A node on another fork from a block on: its blocks have other hashes, and other logs."""

    above: int

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        answers = await node(asked.questions)
        for question, answer in zip(asked.questions, answers, strict=True):
            result = answer.get("result")
            if question["method"] == "eth_getLogs" and isinstance(result, list):
                answer["result"] = [log for log in result if int(log["blockNumber"], 16) <= self.above]
            if question["method"].startswith("eth_getBlock") and isinstance(result, dict):
                self._change(result)
            if any(isinstance(one, dict) and "blockHash" in one for one in question["params"]):
                answer.pop("result", None)
                answer["error"] = {"code": -32000, "message": "header for hash not found"}
        return answer_with(asked, answers)

    def _change(self, block: Json) -> None:
        number = int(block["number"], 16)
        if number > self.above:
            block["hash"] = _other(block["hash"])
        if number > self.above + 1:
            block["parentHash"] = _other(block["parentHash"])


def _other(digest: str) -> str:
    return f"0x{int(digest, 16) ^ (2**256 - 1):064x}"


@dataclass
class OtherChain:
    """A node of another chain, which its host put behind the same URL."""

    chain_id: int

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        answers = [
            answer | {"result": hex(self.chain_id)} if question["method"] == "eth_chainId" else answer
            for question, answer in zip(asked.questions, await node(asked.questions), strict=True)
        ]
        return answer_with(asked, answers)
