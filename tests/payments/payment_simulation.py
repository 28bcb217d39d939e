"""Lives of a relay whose orders are paid, by a seed: forks, faults, kills and downtime, and a real poller.

In the end an order is Paid if its money is on the chain as it is then, and canceled if not.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.findings import Marks
from minirelay.chain.poller import Poller, Start
from minirelay.chain.progress import Progress
from minirelay.errors import MinirelayError
from minirelay.payments.chain_memory import ChainMemory
from minirelay.payments.payment_target import PAYMENT_MADE
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.watcher import PaymentWatch
from minirelay.shop.issued_requests import DAY_S, IssuedRequest
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.shop.state import inventory_key
from minirelay.store.batch import Writable
from minirelay.store.writes import MetaRow
from tests.chain.chain_model import Branch, ChainModel, Event, Transaction, digest
from tests.chain.model_node import MULTICALL3
from tests.chain.simulated_endpoints import Checkpoints, Weather, open_endpoints
from tests.chain.simulated_world import World
from tests.payments.model_chain import CONTRACT, ModelTarget, address_of
from tests.payments.settling import Settling, settling, settling_again
from tests.relay.fixed_facts import CHAIN
from tests.relay.selling import CAP, STOCK, write
from tests.shop.checkouts import buy, item
from tests.shop.patching import INVENTORY, NATIVE, TOKEN, value_of

FIRST_ORDER = 5
ORDERS = (FIRST_ORDER, 6, 7, 8)
BLOCK_S = 12
CONFIRMATIONS = 13
DEEPEST_FORK = 5
POLLS = 30
MOST_POLLS_TO_SETTLE = 600
BEFORE_TTL_S = 20 * BLOCK_S
AFTER_TTL_S = 100 * BLOCK_S
"""Around the end of the time to pay, all goes on as before: until blocks from after it are final."""


class PaidWorld(World):
    """A chain on which requests are paid, one after the other."""

    def __init__(self, random: Random, start_time: int, requests: Sequence[PaymentRequest]) -> None:
        """start_time: of its first block, epoch seconds."""
        model = ChainModel(CHAIN, codes=(CONTRACT, TOKEN), start_time=start_time)
        super().__init__(random, block_s=BLOCK_S, deepest_fork=DEEPEST_FORK, busy=0.0, model=model)
        self.events: set[bytes] = set()
        """Transactions in which the contract says that something was paid, which is so."""
        self._planned = [one for request in requests for one in self._payments(request)]
        random.shuffle(self._planned)
        self._last_ones = random.choice([0, 2, 4])

    def pay(self) -> None:
        """Let the next payment wait to be mined; some customers put it off."""
        if len(self._planned) > self._last_ones:
            self.wait(self._planned.pop())

    def pay_at_last(self, ttl: int) -> None:
        """Let the next payment of those that were put off be mined, if that is in time."""
        if self._planned and self.model.head.header.timestamp + 2 * self.block_s <= ttl:
            self.wait(self._planned.pop())

    def is_paid(self, request: PaymentRequest, branch: Branch) -> bool:
        """Return whether a request is paid on a branch."""
        event = any(log.event.topics[1] == payment_id(request) for _, log in branch.logs())
        return event or branch.head.amount(request.currency, address_of(request)) >= request.amount

    def _payments(self, request: PaymentRequest) -> Iterator[Transaction]:
        """Pay a request by a call, to its address, in two parts, too little, or not at all."""
        half = request.amount // 2
        match self.random.randrange(5):
            case 0:
                transaction = digest("pays", payment_id(request).hex())
                self.events.add(transaction)
                event = Event(CONTRACT, (PAYMENT_MADE, payment_id(request)))
                yield Transaction(transaction, to=CONTRACT, events=(event,))
            case 1:
                yield _transfer(request, request.amount, 1)
            case 2:
                yield _transfer(request, half, 1)
                yield _transfer(request, request.amount - half, 2)
            case 3:
                yield _transfer(request, half, 1)


def _transfer(request: PaymentRequest, amount: int, part: int) -> Transaction:
    holder = address_of(request)
    name = digest("transfer", holder.hex(), part)
    return Transaction(name, to=holder, credits={(request.currency, holder): amount})


class KillableMemory(ChainMemory):
    """A memory at which a poll can be killed, before it has saved and after."""

    checkpoints: Checkpoints

    async def save(
        self, chain_id: int, before: Progress | None, after: Progress, rows: Sequence[Writable]
    ) -> None:
        """Save, unless it is stopped there."""
        await self.checkpoints.reach()
        await super().save(chain_id, before, after, rows)
        await self.checkpoints.reach()


class PaidLife:
    """Drives one."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.polls = self.kills = self.lives = 0
        self._seed = seed
        self._directory = directory
        self._random = Random(f"{seed} driver")
        self._checkpoints = Checkpoints()
        self._world: PaidWorld
        self._requests: dict[int, IssuedRequest] = {}

    async def run(self) -> None:
        """Live, settle, let the time to pay pass, and look at the orders. Raises AssertionError."""
        async with settling(self._directory) as shop:
            await self._order(shop)
        while self.polls < POLLS:
            async with self._opened() as (_, poller):
                self.lives += 1
                while self.polls < POLLS and await self._go_on(poller):
                    pass
        self._weather.clear()
        self._world.settle()
        async with self._opened() as (shop, poller):
            await self._poll_until_final(poller, 0)
            assert await self._orders(shop, OrderState.PAID) == self._paid()
        await self._pass_ttl()
        self._weather.clear()
        async with self._opened() as (shop, poller):
            await self._settle(shop, poller)

    async def _order(self, shop: Settling) -> None:
        """Let a guest order and choose, and begin a world in which that is paid."""
        for order in ORDERS[1:]:
            coin = self._random.choice([NATIVE, TOKEN])
            await write(shop.guest, buy(order, item(CAP, 1), coin=coin))
        self._requests = {order: await shop.request(order) for order in ORDERS}
        issued_at = self._requests[FIRST_ORDER].issued_at
        requests = [one.request for one in self._requests.values()]
        self._world = world = PaidWorld(Random(f"{self._seed} world"), issued_at - 40 * BLOCK_S, requests)
        world.pass_time(40 * BLOCK_S)
        random = Random(f"{self._seed} nodes")
        self._endpoints = open_endpoints(
            world, random.choice([1, 2, 3]), random, self._checkpoints, has_tags=False
        )
        self._weather = Weather(world, self._endpoints, Random(f"{self._seed} weather"))

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[Settling, Poller[MetaRow]]]:
        """Run the relay with what is stored."""
        self._checkpoints.stop_at(None)
        again: AbstractAsyncContextManager[Settling] = settling_again(self._directory)
        async with again as shop:
            store, world = shop.house.store, self._world
            target = ModelTarget(proofs=world.events)
            watch = PaymentWatch(
                CHAIN, target, shop.terms, shop.house.relay.write_own, clock=lambda: int(world.now)
            )
            watches = PaymentWatches([watch])
            shop.house.relay.follow_checkout(watches)
            await watches.load(store.reader)
            chain = Chain(CHAIN, self._endpoints, clock=lambda: world.now, jitter=lambda: 1.0)
            memory = KillableMemory(store)
            memory.checkpoints = self._checkpoints
            yield (
                shop,
                Poller(
                    chain,
                    [watch],
                    memory,
                    BalanceReader(chain, MULTICALL3, clock=lambda: world.now),
                    Depths(CONFIRMATIONS),
                    lambda: datetime.fromtimestamp(world.now, UTC),
                    start=Start(block=1),
                    clock=lambda: world.now,
                ),
            )

    async def _go_on(self, poller: Poller[MetaRow]) -> bool:
        """Let something happen, then poll. Returns whether the relay still runs."""
        self._world.pass_time(self._random.choice([4, 12, 60]))
        if self._random.random() < 0.4:
            self._world.pay()
        if self._random.random() < 0.15:
            self._world.reorganise(self._random.randint(1, DEEPEST_FORK))
        return await self._poll_perhaps(poller)

    async def _pass_ttl(self) -> None:
        """Let the time to pay pass while customers pay at the last moment and the relay is killed.

        Nothing is reorganised, so that what was paid in time stays so.
        """
        ttls = [one.request.ttl for one in self._requests.values()]
        world = self._world
        world.skip_time(min(ttls) - BEFORE_TTL_S - world.now)
        while world.now < max(ttls) + AFTER_TTL_S:
            async with self._opened() as (_, poller):
                self.lives += 1
                is_running = True
                while is_running and world.now < max(ttls) + AFTER_TTL_S:
                    if self._random.random() < 0.6:
                        world.pay_at_last(min(ttls))
                    world.pass_time(self._random.choice([4, 12, 60]))
                    is_running = await self._poll_perhaps(poller)

    async def _poll_perhaps(self, poller: Poller[MetaRow]) -> bool:
        """Poll, or be killed or down. Returns whether the relay still runs."""
        self._weather.change()
        self.polls += 1
        if self._random.random() < 0.04:
            self._world.pass_time(3600)
            return False
        is_killed = self._random.random() < 0.1
        self._checkpoints.stop_at(self._random.randint(1, 20) if is_killed else None)
        poll = asyncio.create_task(_poll(poller))
        stopped = asyncio.create_task(self._checkpoints.stopped.wait())
        await asyncio.wait([poll, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if poll.done():
            await poll
            return True
        self.kills += 1
        poll.cancel()
        await asyncio.wait([poll])
        return False

    async def _settle(self, shop: Settling, poller: Poller[MetaRow]) -> None:
        """Let the time to pay have passed for good, and look at the orders."""
        await self._poll_until_final(poller, 0)
        paid = self._paid()
        assert await self._orders(shop, OrderState.PAID) == paid
        self._world.skip_time(3 * DAY_S)
        await self._poll_until_final(poller, max(one.request.ttl for one in self._requests.values()))
        assert await self._orders(shop, OrderState.PAID) == paid
        canceled = await self._orders(shop, OrderState.CANCELED)
        assert canceled == set(ORDERS) - paid
        state = (await shop.head()).state
        sold = sum(2 if order == FIRST_ORDER else 1 for order in paid)
        assert value_of(state, INVENTORY, inventory_key(CAP)) == STOCK - sold

    def _paid(self) -> set[int]:
        """List the orders whose money is on the chain as it is now."""
        head = self._world.model.best
        return {order for order, one in self._requests.items() if self._world.is_paid(one.request, head)}

    async def _poll_until_final(self, poller: Poller[MetaRow], moment: int) -> None:
        """Poll until all up to now is final, and later than a moment; some give one block at a time."""
        wanted = self._world.model.head.number
        for _ in range(MOST_POLLS_TO_SETTLE):
            self._world.skip_time(30)
            marks = await _poll(poller)
            if marks is not None and marks.final >= wanted and marks.final_time > moment:
                # What was found is decided in this poll and the next.
                await _poll(poller)
                return
        raise AssertionError(f"it does not settle: {marks}")

    async def _orders(self, shop: Settling, state: OrderState) -> set[int]:
        return {order for order in ORDERS if OrderState((await shop.order(order))["State"]) is state}


async def _poll(poller: Poller[MetaRow]) -> Marks | None:
    try:
        return (await poller.poll()).marks
    except MinirelayError:
        # The next one does it again.
        return None
