"""A shop and writes to it inside this process, to time the steps of a write one by one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minirelay.bench.errors import BenchError
from minirelay.bench.preparation import SHOP_ID, Cards, enrol, read_shop
from minirelay.bench.target import new_keys
from minirelay.bench.workload import Author
from minirelay.config.settings import Settings
from minirelay.relay.client_write import ClientWrite
from minirelay.relay.clock import utc_now
from minirelay.relay.limits import relay_limits
from minirelay.relay.messages import Outcome, WriteRequest
from minirelay.relay.shop_head import ShopHead
from minirelay.store.database import Store
from minirelay.store.messages import KeyCard
from minirelay.store.writes import Commit

_LIMITS: Final = relay_limits(Settings()).writes


@dataclass(frozen=True, slots=True)
class Fixtures:
    """A shop with listings in a real database, and who writes to it."""

    store: Store
    head: ShopHead
    author: Author
    card: KeyCard
    listings: int

    def price_changes(self, count: int) -> list[ClientWrite]:
        """Make writes of one patch that were not judged yet."""
        return [self.request(one) for one in self.author.price_changes(self.listings, count)]

    def request(self, patch_set: bytes) -> ClientWrite:
        """Make a write as a session hands it to the sequencer."""
        return ClientWrite(WriteRequest(self.card, patch_set, _nobody_waits), utc_now, _LIMITS)

    def enter(self, request: ClientWrite) -> Commit:
        """Judge a write and enter it in the head; what is given must be committed."""
        return self.head.append(request.judge(self.head))


@asynccontextmanager
async def prepare(directory: Path, listings: int) -> AsyncIterator[Fixtures]:
    """Make a shop with so many listings on an empty directory; it stays open while the block runs."""
    (key,) = new_keys(1)
    await enrol(directory, Cards([key]))
    async with await Store.open(directory) as store:
        card = await store.reader.key_card(key.public_key)
        if card is None:
            raise BenchError("what was enrolled is not there")
        head = await read_shop(store)
        fixtures = Fixtures(store, head, Author(key, SHOP_ID), card, listings)
        for patch_set in fixtures.author.filling(range(listings)):
            await store.writer.commit(fixtures.enter(fixtures.request(patch_set)))
        yield fixtures


def patch_sets_of(requests: Sequence[ClientWrite]) -> list[bytes]:
    """Give the bytes of writes."""
    return [one.request.patch_set for one in requests]


def _nobody_waits(outcome: Outcome) -> None:
    """Take the outcome of a write that was made up here."""
