"""The pollers of all chains, each with tasks of its own: one that hangs delays no other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from minirelay.chain.balances import BalanceReader
from minirelay.chain.block import Block
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths, default_confirmations
from minirelay.chain.findings import Watch
from minirelay.chain.poll_calls import PollCalls
from minirelay.chain.poll_loop import ChainStatus, Pace, PollLoop
from minirelay.chain.poller import Poller, Start
from minirelay.chain.progress import Memory
from minirelay.config.settings import Settings
from minirelay.event_loop import end_tasks
from minirelay.store.batch import Writable


class PolledChain(msgspec.Struct, frozen=True, kw_only=True):
    """A chain that is polled. multicall: address of Multicall3; None: not to be used. requests: of a poll."""

    chain: Chain
    calls: PollCalls
    depths: Depths
    pace: Pace
    start: Start
    requests: int
    multicall: bytes | None

    @classmethod
    def of(cls, settings: Settings, chain: Chain) -> "PolledChain":
        """Take what is set for a chain."""
        chain_id = chain.chain_id
        one, is_development = settings.chain(chain_id), settings.is_development_chain(chain_id)
        default = default_confirmations(chain_id, is_development=is_development)
        confirmations = default if one.confirmations is None else one.confirmations.value
        return cls(
            chain=chain,
            calls=PollCalls(),
            depths=Depths(confirmations, is_development),
            pace=Pace.of(
                one.poll_interval,
                is_development=is_development,
                is_always_needed=chain_id == settings.registry_chain,
            ),
            start=Start(one.start_block, one.start_margin),
            requests=one.poll_requests,
            # The development chain's EVM is slow at it, though it has one.
            multicall=None if is_development else bytes(one.multicall),
        )


class Polling:
    """Polls chains, and knows how far each is read."""

    def __init__(
        self,
        chains: Sequence[PolledChain],
        memory: Memory[Writable],
        watches: Callable[[PolledChain], Sequence[Watch[Writable]]],
        now: Callable[[], datetime],
        on_head: Callable[[int, Block], None],
    ) -> None:
        """watches: who is told of a chain. now: the relay's clock. on_head: gets heads, with chain ids."""
        self._loops = [_loop(one, memory, watches(one), now, on_head) for one in chains]

    def statuses(self) -> tuple[ChainStatus, ...]:
        """Say of each chain how far it is read."""
        return tuple(loop.status() for loop in self._loops)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Poll in the background while the block runs."""
        tasks = [asyncio.create_task(loop.run()) for loop in self._loops]
        try:
            yield
        finally:
            await end_tasks(*tasks)


def _loop(
    one: PolledChain,
    memory: Memory[Writable],
    watches: Sequence[Watch[Writable]],
    now: Callable[[], datetime],
    on_head: Callable[[int, Block], None],
) -> PollLoop:
    def note(head: Block) -> None:
        loop.note_head(head)
        on_head(one.chain.chain_id, head)

    poller = Poller(
        one.chain,
        watches,
        memory,
        BalanceReader(one.chain, one.multicall),
        one.depths,
        now,
        start=one.start,
        requests=one.requests,
        on_head=note,
    )
    loop = PollLoop(one.chain.chain_id, poller, one.pace, one.calls)
    return loop
