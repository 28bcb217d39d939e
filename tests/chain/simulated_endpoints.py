"""Endpoints of a simulated chain: nodes with their views, faults that come and go, places to be killed at."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from minirelay.chain.errors import EndpointFailure
from minirelay.protocol.json_rpc import Answer, Request
from tests.chain import simulated_faults as faults
from tests.chain.model_node import ModelNode, NodeTraits
from tests.chain.simulated_faults import Exchange, Fault
from tests.chain.simulated_world import World

HANG_S = 10


class Checkpoints:
    """Counts what a poll waits for; at a chosen count it waits for ever, and the simulator ends it there.

    is_dead: it was stopped: nothing that it still does may have an effect.
    """

    def __init__(self) -> None:
        self.count = 0
        self.stopped = asyncio.Event()
        self.is_dead = False
        self._stop_at: int | None = None

    def stop_at(self, count: int | None) -> None:
        """Begin to count again. count: from 1, at which to stop; None: never."""
        self.count, self._stop_at, self.is_dead = 0, count, False
        self.stopped.clear()

    async def reach(self) -> None:
        """Let the simulator stop here whoever waits."""
        self.count += 1
        if self.is_dead or self.count == self._stop_at:
            self.is_dead = True
            self.stopped.set()
            await asyncio.Event().wait()


class SimulatedEndpoint:
    """What `Chain` asks: a node, behind whatever fault it has just now."""

    def __init__(self, world: World, node: ModelNode, random: Random, checkpoints: Checkpoints) -> None:
        self.name = node.name
        self.node = node
        self.fault: Fault | None = None
        self.permanent: list[Fault] = []
        """What this provider always does: it is no failure, and does not cease."""
        self.is_balanced = False
        """Two nodes take turns behind it. What comes in several exchanges comes from both then, so nothing
        goes wrong with it that makes it be asked one by one: nobody could know what to believe."""
        self.exchanges = 0
        self.methods: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        """Called before each answer: the chain does not wait for a poll."""
        self._world = world
        self._random = random
        self._checkpoints = checkpoints

    async def ask(self, request: Request) -> Answer:
        """Answer one question. Raises EndpointFailure."""
        (answer,) = await self.ask_many([request])
        if answer is None:
            raise EndpointFailure("its answer can't be used: it is not JSON-RPC")
        return answer

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Answer a batch. Raises EndpointFailure."""
        assert 0 < len(requests) <= 100
        self.exchanges += 1
        self.methods += [request.method for request in requests]
        await self._checkpoints.reach()
        self.meanwhile()
        answers = self._exchange(requests)
        await self._checkpoints.reach()
        return answers

    def _exchange(self, requests: Sequence[Request]) -> list[Answer | None]:
        def honest(asked: Sequence[Request]) -> list[Answer | None]:
            return [self.node.answer(request) for request in asked]

        exchange: Exchange = honest
        for fault in [*self.permanent, *([self.fault] if self.fault else [])]:
            exchange = _behind(fault, exchange, self._random)
        if self.fault is faults.hang:
            self._world.now += HANG_S
        return exchange(requests)

    def recover(self) -> None:
        """End whatever is wrong."""
        self.fault, self.node.lag, self.node.follows = None, 0, None


def _behind(fault: Fault, exchange: Exchange, random: Random) -> Exchange:
    return lambda requests: fault(exchange, requests, random)


class Weather:
    """Decides by a seed what goes wrong where, and for how long."""

    def __init__(self, world: World, endpoints: Sequence[SimulatedEndpoint], random: Random) -> None:
        self._world = world
        self._endpoints = endpoints
        self._random = random
        self._wrong = faults.WrongChain()

    def change(self) -> None:
        """Go on: some faults begin, some end, the nodes move."""
        for endpoint in self._endpoints:
            if self._random.random() < 0.25:
                endpoint.recover()
            elif self._random.random() < 0.15:
                self._begin(endpoint)

    def clear(self) -> None:
        """End all that is wrong; what is only the way of a provider stays."""
        for endpoint in self._endpoints:
            endpoint.recover()
            endpoint.permanent = [way for way in endpoint.permanent if not isinstance(way, faults.TwoNodes)]

    def _begin(self, endpoint: SimulatedEndpoint) -> None:
        endpoint.recover()
        simple: list[Fault] = [faults.refuse, faults.hang, faults.send_too_much, self._wrong]
        if not endpoint.is_balanced:
            simple += [faults.limit_rate, faults.break_some, faults.break_all, faults.garble]
        if self._random.random() < 0.6:
            endpoint.fault = self._random.choice(simple)
            return
        match self._random.randrange(3):
            case 0:
                endpoint.node.lag = self._random.choice([1, 2, 5, 20, 100])
            case 1:
                endpoint.node.follows = self._world.model.head  # It stands still.
            case _:
                self._follow_what_lost(endpoint.node)

    def _follow_what_lost(self, node: ModelNode) -> None:
        if self._world.branches:
            node.follows = self._random.choice(self._world.branches)
            for _ in range(self._random.choice([0, 0, 2, 6])):
                node.follows = self._world.mine_on(node.follows)


def open_endpoints(
    world: World, count: int, random: Random, checkpoints: Checkpoints, *, has_tags: bool
) -> list[SimulatedEndpoint]:
    """Make endpoints of several kinds. has_tags: all know `safe` and `finalized`, or none does."""
    opened = []
    for number in range(count):
        traits = NodeTraits(
            has_tags=has_tags,
            keeps_states=random.choice([3, 128, 10_000]),
            takes_block_hashes=random.random() < 0.8,
            has_multicall=random.random() < 0.8,
        )
        node = ModelNode(world.model, f"endpoint {number}", traits)
        endpoint = SimulatedEndpoint(world, node, random, checkpoints)
        endpoint.permanent += _ways(world, node, random)
        endpoint.is_balanced = any(isinstance(way, faults.TwoNodes) for way in endpoint.permanent)
        opened.append(endpoint)
    return opened


def _ways(world: World, node: ModelNode, random: Random) -> list[Fault]:
    """Draw what a provider always does."""
    ways: list[Fault] = []
    if random.random() < 0.4:
        refusal = random.choice(faults.RANGE_REFUSALS)
        ways.append(faults.ShortRanges(random.choice([1, 5, 10, 100, 500]), refusal))
    if random.random() < 0.2:
        # Whoever takes neither batches nor hashes of blocks is of no use: a poll has too few requests.
        ways.append(faults.SmallBatches(random.choice([3 if node.traits.takes_block_hashes else 10, 10, 50])))
    elif random.random() < 0.2:
        other = ModelNode(world.model, traits=node.traits)
        other.lag = random.choice([1, 3, 30])
        ways.append(faults.TwoNodes(other))
    return ways
