"""An endpoint in the same process that says what a test tells it to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from minirelay.protocol.json_rpc import Answer, Request, Result

Say = Callable[[Request], Answer]
SayAll = Callable[[Sequence[Request]], Sequence[Answer | None]]

CHAIN_ID = 31337


@dataclass
class Scripted:
    """say: what it answers to one question; say_all: to a batch, by default the same for each. It may raise.

    sizes: how many questions each request had; asked: their methods.
    """

    say: Say
    say_all: SayAll | None = None
    name: str = "scripted"
    chain_id: int = CHAIN_ID
    sizes: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def ask(self, request: Request) -> Answer:
        self._note([request])
        return self._answer(request)

    async def ask_many(self, requests: Sequence[Request]) -> Sequence[Answer | None]:
        self._note(requests)
        if self.say_all is not None:
            return self.say_all(requests)
        return [self._answer(request) for request in requests]

    def _note(self, requests: Sequence[Request]) -> None:
        self.sizes.append(len(requests))
        self.asked += [request.method for request in requests]

    def _answer(self, request: Request) -> Answer:
        return Result(hex(self.chain_id)) if request.method == "eth_chainId" else self.say(request)
