"""One simulated life of a poller: forks, faults, kills and downtime by a seed, then a chain that settles.

In the end the same must have been found as a fresh poller finds that reads the chain as it is then.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.poller import Poller, Start
from minirelay.chain.progress import Memory, Progress
from minirelay.errors import MinirelayError
from minirelay.payments.chain_memory import ChainMemory
from minirelay.store.database import Store
from minirelay.store.errors import StoreUnavailable
from tests.chain.model_node import MULTICALL3, ModelNode
from tests.chain.simulated_endpoints import Checkpoints, SimulatedEndpoint, Weather, open_endpoints
from tests.chain.simulated_watch import Ledger, RecordingWatch, RecordRow, wanted_logs
from tests.chain.simulated_world import CHAIN_ID, ENOUGH, HOLDERS, World, token_of
from tests.chain.simulation_plan import Plan, depth_of

INTERVAL_S = 4
MOST_ROUNDS_TO_SETTLE = 100
POLLS_TO_SETTLE = 5
SETTLING_BLOCKS = 10
MARGIN_OF_REPLAY = 10**6


class SimulatedMemory:
    """The real memory, at which a poll can be killed before it has saved, and after; or the disk is full."""

    def __init__(
        self,
        memory: Memory[RecordRow],
        ledgers: Sequence[Ledger],
        checkpoints: Checkpoints,
        random: Random,
        fails: float,
    ) -> None:
        self._memory = memory
        self._ledgers = ledgers
        self._checkpoints = checkpoints
        self._random = random
        self._fails = fails

    async def load(self, chain_id: int) -> Progress | None:
        """Load what is there."""
        return await self._memory.load(chain_id)

    async def save(
        self, chain_id: int, before: Progress | None, after: Progress, rows: Sequence[RecordRow]
    ) -> None:
        """Save, unless it is stopped there."""
        await self._checkpoints.reach()
        if self._random.random() < self._fails:
            raise StoreUnavailable("could not be stored: the disk is full")
        await self._memory.save(chain_id, before, after, rows)
        for row in rows:
            row.on_stored()
        for ledger in self._ledgers:
            ledger.save()
        await self._checkpoints.reach()


@dataclass
class Outcome:
    """What a simulated life was like."""

    plan: Plan
    polls: int = 0
    takes: int = 0
    kills: int = 0
    cancels: int = 0
    lives: int = 0
    unanswered: int = 0
    deepest_fork: int = 0
    logs: int = 0
    holders: int = 0


class Simulation:
    """Drives one."""

    def __init__(self, seed: int, directory: Path) -> None:
        self._seed = seed
        self._directory = directory
        self.plan = plan = Plan.of(self._stream("plan"))
        self.depth = depth_of(plan.confirmations, plan.has_tags)
        self.world = World(self._stream("world"), block_s=plan.block_s, deepest_fork=plan.deepest_fork)
        self.world.pass_time(plan.block_s * plan.first_blocks)
        self.checkpoints = Checkpoints()
        self.endpoints = open_endpoints(
            self.world, plan.endpoints, self._stream("kinds"), self.checkpoints, has_tags=plan.has_tags
        )
        for endpoint in self.endpoints:
            endpoint.meanwhile = self._meanwhile
        self.weather = Weather(self.world, self.endpoints, self._stream("weather"))
        self.ledgers = [Ledger(self.world, self.depth, plan.margin) for _ in range(2)]
        self.outcome = Outcome(plan)
        self._random = self._stream("driver")
        self._is_stormy = True

    def _stream(self, name: str) -> Random:
        return Random(f"{self._seed} {name}")

    def _meanwhile(self) -> None:
        """Let the chain go on between two requests of a poll."""
        if not self._is_stormy:
            return
        if self._random.random() < 0.02:
            self.world.reorganise(self._random.choice([1, 1, 2]))
        elif self._random.random() < 0.05:
            self.world.pass_time(self.plan.block_s)

    async def run(self) -> Outcome:
        """Live, settle, and compare. Raises AssertionError."""
        while self.outcome.polls < self.plan.polls:
            async with self._opened(self.endpoints, self.ledgers, self._directory / "life") as poller:
                self.outcome.lives += 1
                while self.outcome.polls < self.plan.polls and await self._go_on(poller):
                    pass
        await self._settle()
        return self.outcome

    @asynccontextmanager
    async def _opened(
        self, endpoints: Sequence[SimulatedEndpoint], ledgers: Sequence[Ledger], directory: Path
    ) -> AsyncIterator[Poller[RecordRow]]:
        """Open the store, and a poller that knows nothing but what is in it."""
        self.checkpoints.stop_at(None)
        fails = 0.03 if self._is_stormy else 0.0
        async with await Store.open(directory, "normal", 1) as store:
            memory = SimulatedMemory(
                ChainMemory(store),
                ledgers,
                self.checkpoints,
                self._stream(f"disk {self.outcome.lives}"),
                fails,
            )
            chain = Chain(CHAIN_ID, endpoints, clock=lambda: self.world.now, jitter=lambda: 1.0)
            random = self._stream(f"watch {self.outcome.lives}")
            watches = [
                RecordingWatch(ledger, random, self.checkpoints, in_rows=in_rows, fails=fails)
                for ledger, in_rows in zip(ledgers, (True, False), strict=True)
            ]
            margin = ledgers[0].margin
            yield Poller(
                chain,
                watches,
                memory,
                BalanceReader(chain, MULTICALL3, clock=lambda: self.world.now),
                Depths(self.plan.confirmations),
                lambda: datetime.fromtimestamp(self.world.now, UTC),
                start=Start(margin=margin),
                clock=lambda: self.world.now,
            )

    # -- a stormy life

    async def _go_on(self, poller: Poller[RecordRow]) -> bool:
        """Let something happen, then poll. Returns whether the poller is still there."""
        self.world.pass_time(self._random.choice([INTERVAL_S, INTERVAL_S, 30]))
        self.weather.change()
        if self._random.random() < 0.12:
            deep = self.depth.deep + 1
            self.world.reorganise(self._random.choice([1, 1, 2, deep - 1, deep, deep + 1, 2 * deep + 2]))
        if self._random.random() < self.plan.downtimes:
            # Hours, of as many blocks as chains of 12 seconds have in them.
            blocks = self._random.choice([60, 1800, 4 * 3600]) // 12
            self.world.pass_time(blocks * self.plan.block_s)
            return False
        return await self._poll(poller)

    async def _poll(self, poller: Poller[RecordRow]) -> bool:
        """Poll; perhaps stop it at one of the places where it waits. Returns whether the poller is there."""
        is_stopped = self._random.random() < self.plan.kills
        self.checkpoints.stop_at(self._random.randint(1, 16) if is_stopped else None)
        self.outcome.polls += 1
        poll = asyncio.create_task(self._poll_once(poller))
        stopped = asyncio.create_task(self.checkpoints.stopped.wait())
        await asyncio.wait([poll, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if poll.done():
            await poll
            return True
        poll.cancel()
        await asyncio.wait([poll])
        if self._random.random() < 0.3:
            self.outcome.cancels += 1
            self.checkpoints.stop_at(None)
            return True
        self.outcome.kills += 1
        return False

    async def _poll_once(self, poller: Poller[RecordRow]) -> None:
        try:
            await poller.poll()
        except MinirelayError:
            self.outcome.unanswered += 1

    # -- the end

    async def _settle(self) -> None:
        """End all faults, let the chain grow without forks, and see that everything was found."""
        self._is_stormy = False
        self.outcome.deepest_fork = self.world.deepest
        self.outcome.takes = self.ledgers[0].takes
        self.weather.clear()
        self.world.settle()
        node = ModelNode(self.world.model, "honest", self.endpoints[0].node.traits)
        honest = SimulatedEndpoint(self.world, node, self._stream("honest"), self.checkpoints)
        replayed = [Ledger(self.world, self.depth, MARGIN_OF_REPLAY) for _ in range(2)]
        async with (
            self._opened(self.endpoints, self.ledgers, self._directory / "life") as poller,
            self._opened([honest], replayed, self._directory / "replay") as replay,
        ):
            await self._poll_until_settled(poller, replay, replayed)
        self._compare(replayed)

    async def _poll_until_settled(
        self, poller: Poller[RecordRow], replay: Poller[RecordRow], replayed: Sequence[Ledger]
    ) -> None:
        for _ in range(MOST_ROUNDS_TO_SETTLE):
            for _ in range(SETTLING_BLOCKS):
                self.world.mine()
            self.world.skip_time(self._random.choice([12, 200]))
            await self._catch_up(poller, self.ledgers[0])
            await self._catch_up(replay, replayed[0])
            if self._is_settled(self.ledgers[0]) and self._is_settled(replayed[0]):
                return
        raise AssertionError(
            f"it does not settle: {self._state_of(self.ledgers[0])}, not {self._state_of(replayed[0])}"
        )

    def _state_of(self, ledger: Ledger) -> object:
        marks = ledger.marks
        if marks is None:
            return None
        missing = [holder.hex() for holder in self._undecided(ledger)]
        return marks.head.number, marks.scanned, marks.deep, marks.final, marks.final_time, missing

    async def _catch_up(self, poller: Poller[RecordRow], ledger: Ledger) -> None:
        """Poll as long as it gets on, a few times at least."""
        for _ in range(POLLS_TO_SETTLE):
            await self._poll_once(poller)
        behind, since = -1, 0
        while ledger.marks is not None and ledger.marks.scanned < self.world.model.head.number and since < 4:
            since = since + 1 if ledger.marks.scanned == behind else 0
            behind = ledger.marks.scanned
            self.world.now += 1
            await self._poll_once(poller)

    def _is_settled(self, ledger: Ledger) -> bool:
        head, marks = self.world.model.head.header, ledger.marks
        if marks is None or (marks.head, marks.scanned) != (head, head.number):
            return False
        # Final is the newest known block that is old enough: one in so many as were mined between two polls.
        final = head.number - self.depth.final - SETTLING_BLOCKS
        is_read = marks.deep == head.number - self.depth.deep and marks.final >= final
        return is_read and not self._undecided(ledger)

    def _undecided(self, ledger: Ledger) -> set[bytes]:
        """Return who has enough, and has had it for long, but was not found."""
        head = self.world.model.head
        return {
            holder
            for holder in HOLDERS
            if head.amount(token_of(holder), holder) >= ENOUGH and not head.counts.get(holder)
        } - ledger.decided

    def _compare(self, replayed: Sequence[Ledger]) -> None:
        """Compare with what a fresh poller finds, of one honest endpoint, on the chain as it is now."""
        branch = self.world.model.best
        for lived, straight in zip(self.ledgers, replayed, strict=True):
            start = lived.start or 0
            wanted = set(wanted_logs(branch, 1, branch.head.number - self.depth.deep))
            assert straight.deep == wanted, (straight.deep - wanted, wanted - straight.deep, straight.marks)
            assert {key for key in straight.deep if key.number >= start} <= lived.deep
            vanished = {key for key in lived.deep if not branch.has(key.number, key.block_hash)}
            assert not vanished or self.outcome.deepest_fork > self.depth.deep, vanished
        self.outcome.logs, self.outcome.holders = len(self.ledgers[0].deep), len(self.ledgers[0].decided)
