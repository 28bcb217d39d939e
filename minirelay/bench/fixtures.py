"""Shops that are made before anything is measured: key cards, guests, listings.

The registry that would have to agree to a card is left out; all else is what `POST /v4/enroll_key_card` does.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from minirelay.bench.session import BenchError
from minirelay.bench.workload import Author
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.config.settings import Settings
from minirelay.protocol.addresses import GUEST_WALLET
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.client_write import ClientWrite, WriteTerms
from minirelay.relay.clock import utc_now
from minirelay.relay.facts_source import NoChains
from minirelay.relay.limits import relay_limits
from minirelay.relay.messages import Enrolment, Outcome, WriteRequest
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.relay import Relay
from minirelay.relay.shop_head import ShopHead, read_head
from minirelay.relay.write_turns import QueuedWrite, WriteTurns
from minirelay.store.database import Store
from minirelay.store.messages import KeyCard
from minirelay.store.writes import Commit

SHOP_ID: Final = 4711
REGISTRY_CHAIN: Final = 1
WALLET: Final = b"\x77" * 32
"""The relay's wallet: it signs enrolments, and owns nothing."""

_GUESTS_IN_A_SET: Final = 1000
_MOST_GUESTS: Final = 10**7


@dataclass(frozen=True, slots=True)
class Cards:
    """The key cards of a shop."""

    clerks: Sequence[PrivateKey]
    guests: Sequence[PrivateKey] = ()


async def enrol(data_dir: Path, cards: Cards) -> None:
    """Start the shop and enrol these cards. Raises StoreError."""
    async with open_relay(data_dir) as relay:
        for number, key in enumerate(cards.clerks, start=1):
            await relay.admit(Enrolment(SHOP_ID, number.to_bytes(20), key.public_key, is_guest=False))
        guests = [guest_enrolment(key.public_key) for key in cards.guests]
        await asyncio.gather(*map(relay.admit, guests))


def guest_enrolment(key_card: bytes) -> Enrolment:
    """Make what a guest asks for."""
    return Enrolment(SHOP_ID, GUEST_WALLET, key_card, is_guest=True)


@asynccontextmanager
async def open_relay(data_dir: Path) -> AsyncIterator[Relay]:
    """Yield a relay in this process, without a listener, while the block runs. Raises StoreError."""
    settings = Settings()
    async with await Store.open(data_dir) as store:
        relay = Relay(
            store,
            await store.reader.next_rows(),
            wallet=PrivateKey.from_bytes(WALLET),
            registry_chain=REGISTRY_CHAIN,
            limits=replace(relay_limits(settings), guest_cards_per_shop=_MOST_GUESTS),
            facts=NoChains(),
            upload_tokens=UploadTokens("http://localhost", settings.limits.upload_urls, time.monotonic),
        )
        yield relay
        await relay.drain(settings.stop_timeout)


async def read_shop(store: Store) -> ShopHead:
    """Read the head of the benchmark's shop. Raises BenchError, StoreError."""
    row = await store.reader.shop(SHOP_ID)
    if row is None:
        raise BenchError("what was enrolled is not there")
    return await read_head(store.reader, store.writer.epoch, row, int(utc_now().timestamp()))


async def add_guests(data_dir: Path, count: int) -> None:
    """Enrol that many guests more, whose keys are not known.

    As if they had come one by one, but for the sets, which have many patches each. Raises StoreError.
    """
    key_cards = [b"\x02" + secrets.token_bytes(32) for _ in range(count)]
    async with await Store.open(data_dir) as store:
        head = await read_shop(store)
        card_rows = itertools.count((await store.reader.next_rows()).card)
        for start in range(0, count, _GUESTS_IN_A_SET):
            some = key_cards[start : start + _GUESTS_IN_A_SET]
            await store.writer.commit(_enrol_guests(head, some, card_rows))


def _enrol_guests(head: ShopHead, key_cards: Sequence[bytes], card_rows: Iterator[int]) -> Commit:
    patches = [NewPatch("append", ("Accounts", GUEST_WALLET, "KeyCards"), key_card) for key_card in key_cards]
    if head.state.get(ObjectType.ACCOUNT, GUEST_WALLET) is None:
        patches.insert(0, NewPatch("add", ("Accounts", GUEST_WALLET), {"KeyCards": [], "Guest": True}))
    now, pending = utc_now(), PendingSets(head)
    pending.apply_own(patches, PrivateKey.from_bytes(WALLET), now)
    cards = [
        KeyCard(next(card_rows), one, head.row.row_id, GUEST_WALLET, True, 0, False, int(now.timestamp()))
        for one in key_cards
    ]
    return head.append(pending.accepted(cards))


TERMS: Final = WriteTerms(utc_now, relay_limits(Settings()).writes, NoChains(), PrivateKey.from_bytes(WALLET))


def _nowhere(_write: QueuedWrite) -> None:
    """Take a write that is judged where it was made."""


_TURNS: Final = WriteTurns(NoChains(), _nowhere)


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
        return ClientWrite(WriteRequest(self.card, patch_set, _nobody_waits, _is_there), TERMS, _TURNS)

    def enter(self, request: ClientWrite) -> Commit:
        """Judge a write and enter it in the head; what is given must be committed."""
        return self.head.append(request.judge(self.head))


@asynccontextmanager
async def open_fixtures(directory: Path, clerk: PrivateKey, listings: int = 0) -> AsyncIterator[Fixtures]:
    """Open the shop in a directory while the block runs. clerk: a key card that is enrolled there."""
    async with await Store.open(directory) as store:
        card = await store.reader.key_card(clerk.public_key)
        if card is None:
            raise BenchError("what was enrolled is not there")
        yield Fixtures(store, await read_shop(store), Author(clerk, SHOP_ID), card, listings)


@asynccontextmanager
async def prepare(directory: Path, listings: int) -> AsyncIterator[Fixtures]:
    """Make a shop with so many listings on an empty directory; it stays open while the block runs."""
    (key,) = new_keys(1)
    await enrol(directory, Cards([key]))
    async with open_fixtures(directory, key, listings) as fixtures:
        for patch_set in fixtures.author.filling(range(listings)):
            await fixtures.store.writer.commit(fixtures.enter(fixtures.request(patch_set)))
        yield fixtures


def patch_sets_of(requests: Sequence[ClientWrite]) -> list[bytes]:
    """Return the bytes of writes."""
    return [one.request.patch_set for one in requests]


def _is_there() -> bool:
    return False


def _nobody_waits(outcome: Outcome) -> None:
    """Take the outcome of a write that was made up here."""


def new_keys(count: int) -> list[PrivateKey]:
    """Make key cards."""
    return [PrivateKey.from_bytes(secrets.token_bytes(32)) for _ in range(count)]
