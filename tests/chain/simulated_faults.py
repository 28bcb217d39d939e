"""What endpoints do wrong, as `Chain` hears of it: each fault stands in front of a node, for a while."""

from collections.abc import Callable, Sequence
from random import Random

from minirelay.chain.errors import EndpointFailure, UnusableAnswer
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.chain_model import ChainModel
from tests.chain.model_node import ModelNode

Exchange = Callable[[Sequence[Request]], list[Answer | None]]
"""What becomes of one HTTP request. Raises EndpointFailure."""

Fault = Callable[[Exchange, Sequence[Request], Random], list[Answer | None]]

RATE_LIMITS = (
    RpcError(-32005, "daily request count exceeded, request rate limited"),
    RpcError(429, "Your app has exceeded its compute units per second capacity"),
    RpcError(-32016, "too many requests, retry in 1s"),
    RpcError(-32016, "over rate limit"),
    RpcError(-32097, "rate limit reached, please try again later"),
)
BROKEN = (
    RpcError(-32603, "Internal error"),
    RpcError(-32000, "header not found"),
    RpcError(-32000, "missing trie node 71d2 (path ) state is not available, not found"),
    RpcError(-32601, "the method is not available"),
    RpcError(-32002, "request timed out"),
)
GARBAGE: tuple[object, ...] = (
    "",
    7,
    -1,
    {},
    [[]],
    [None],
    True,
    {"number": "0x1"},
    {"number": "0xffffffffffff", "hash": "0x" + "00" * 32, "parentHash": "0x", "timestamp": "0x0"},
    [{"address": "0x00", "topics": []}],
)
"""Nothing of this is an answer to anything: what could be one, a lie, would be believed."""
RANGE_REFUSALS = (
    RpcError(-32005, "query returned more than 10000 results"),
    RpcError(-32600, "You can make eth_getLogs requests with up to a 10 block range."),
    RpcError(-32602, "Log response size exceeded."),
    RpcError(-32000, "exceed maximum block range: 50000"),
    RpcError(-32614, "eth_getLogs is limited to a 10,000 range"),
    RpcError(-32012, "range is too large, max is 1k blocks"),
    RpcError(35, "ranges over 10000 blocks are not supported on freetier"),
    RpcError(-32000, "block range is too wide"),
)


def refuse(exchange: Exchange, requests: Sequence[Request], random: Random) -> list[Answer | None]:
    """Lose the connection."""
    raise EndpointFailure("the connection failed (Connection reset by peer)")


def hang(exchange: Exchange, requests: Sequence[Request], random: Random) -> list[Answer | None]:
    """Say nothing until it is too late."""
    raise EndpointFailure("no answer within 10 s")


def send_too_much(exchange: Exchange, requests: Sequence[Request], random: Random) -> list[Answer | None]:
    """Answer with more than may be asked for."""
    raise UnusableAnswer("the answer is longer than 16777216 bytes")


def limit_rate(exchange: Exchange, requests: Sequence[Request], random: Random) -> list[Answer | None]:
    """Answer that there were too many requests: by HTTP, for each or for one."""
    match random.randrange(3):
        case 0:
            raise EndpointFailure("too many requests", random.choice([None, 1.0, 20.0]))
        case 1:
            return [random.choice(RATE_LIMITS)] * len(requests)
    answers = exchange(requests)
    answers[random.randrange(len(answers))] = random.choice(RATE_LIMITS)
    return answers


def break_some(exchange: Exchange, requests: Sequence[Request], random: Random) -> list[Answer | None]:
    """Answer a batch partly, some of it with errors."""
    answers = exchange(requests)
    for position in range(len(answers)):
        if random.random() < 0.3:
            answers[position] = random.choice([None, *BROKEN])
    return answers


def break_all(exchange: Exchange, requests: Sequence[Request], random: Random) -> list[Answer | None]:
    """Answer one error for all."""
    return [random.choice(BROKEN)] * len(requests)


def garble(exchange: Exchange, requests: Sequence[Request], random: Random) -> list[Answer | None]:
    """Answer something else, now and then, to one of the questions."""
    answers = exchange(requests)
    if random.random() < 0.7:
        answers[random.randrange(len(answers))] = Result(random.choice(GARBAGE))
    return answers


class WrongChain:
    """Answers for another chain, which its host put behind the same address."""

    def __init__(self) -> None:
        model = ChainModel(5)
        for _ in range(300):
            model.mine()
        self._node = ModelNode(model)

    def __call__(
        self, exchange: Exchange, requests: Sequence[Request], random: Random
    ) -> list[Answer | None]:
        """Answer for it."""
        return [self._node.answer(request) for request in requests]


class ShortRanges:
    """Refuses ranges of more than so many blocks, in the words of one provider."""

    def __init__(self, blocks: int, refusal: RpcError) -> None:
        self.blocks = blocks
        self.refusal = refusal

    def __call__(
        self, exchange: Exchange, requests: Sequence[Request], random: Random
    ) -> list[Answer | None]:
        """Answer, or refuse."""
        return [
            self.refusal if self._is_too_long(request) else answer
            for request, answer in zip(requests, exchange(requests), strict=True)
        ]

    def _is_too_long(self, request: Request) -> bool:
        if request.method != "eth_getLogs":
            return False
        criteria = request.params[0]
        assert isinstance(criteria, dict)
        if "blockHash" in criteria:
            return False
        return int(criteria["toBlock"], 16) - int(criteria["fromBlock"], 16) >= self.blocks


class SmallBatches:
    """Refuses batches of more than so many questions, all of it."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(
        self, exchange: Exchange, requests: Sequence[Request], random: Random
    ) -> list[Answer | None]:
        """Answer, or refuse."""
        if len(requests) > self.most:
            return [RpcError(-32600, f"batch limit {self.most} exceeded")] * len(requests)
        return exchange(requests)


class TwoNodes:
    """A balancer in front of two nodes: each HTTP request goes to either."""

    def __init__(self, other: ModelNode) -> None:
        self._other = other

    def __call__(
        self, exchange: Exchange, requests: Sequence[Request], random: Random
    ) -> list[Answer | None]:
        """Let one of the two answer."""
        if random.random() < 0.5:
            return exchange(requests)
        return [self._other.answer(request) for request in requests]
