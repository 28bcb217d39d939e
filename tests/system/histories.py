"""Random histories of a shop and of those who follow it, and what each of them must have got in the end.

Everything about a history follows from its seed but the timing of the disk. The sessions are those of a real
relay without a network (`Line`), so that a reader reads exactly as much as its history says.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol import push as push_module
from minirelay.protocol.cbor import Value
from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import SequencedPartialPatchSet, decode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay import fan_out as fan_out_module
from minirelay.relay import feed as feed_module
from minirelay.relay import large_sets as large_sets_module
from minirelay.relay import packing as packing_module
from minirelay.relay import relay as relay_module
from minirelay.relay import sequencer as sequencer_module
from minirelay.relay import shops as shops_module
from minirelay.relay import subscription as subscription_module
from minirelay.relay.large_sets import LargeSets
from minirelay.relay.messages import own_fault
from minirelay.relay.shops import HostedShop
from minirelay.relay.slices import SlicedWork
from tests.raw_client import Line, Spec, all_leaves
from tests.relay.house import (
    SHOP,
    TIMEOUT_S,
    House,
    listing,
    order,
    relay_limits,
    running_relay,
)
from tests.relay.naive import NaiveLog, Viewer

STEPS = 150
LISTINGS, ORDERS, TAGS = 6, 4, ("sale", "new", "näht")
UNLINKED_CLOSE = 1008


@contextmanager
def small_bounds(draw: random.Random) -> Iterator[None]:
    """Make the relay's bounds so small, one way or another, that a short history meets them all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_module, "RECENT_SETS", draw.choice([0, 2, 1024]))
        patch.setattr(shops_module, "SlicedWork", partial(SlicedWork, draw.choice([0, 0, 0.01])))
        patch.setattr(subscription_module, "PAGE_PATCHES", draw.choice([1, 5, 1024]))
        patch.setattr(relay_module, "LargeSets", partial(LargeSets, kept_bytes=draw.choice([0, 3000, 2**25])))
        patch.setattr(sequencer_module, "THREAD_BYTES", draw.choice([700, 32 * 1024]))
        patch.setattr(sequencer_module, "LOOP_WORK", draw.choice([1, 1500, 4000, 128 * 1024]))
        patch.setattr(sequencer_module, "SLICE_BYTES", draw.choice([1, 3000, 32 * 1024]))
        patch.setattr(packing_module, "MAX_PATCHES_PER_PUSH", draw.choice([2, 64]))
        patch.setattr(packing_module, "MAX_PUSH_BYTES", draw.choice([1500, 768 * 1024]))
        most = draw.choice([1300, 900 * 1024])
        for module in (push_module, fan_out_module, large_sets_module):
            patch.setattr(module, "MAX_SET_BYTES", most)
        # Never above what is not split.
        patch.setattr(subscription_module, "PAGE_BYTES", min(most, draw.choice([1, 2000, 512 * 1024])))
        patch.setattr(fan_out_module, "LARGE_SET_BYTES", min(most, draw.choice([700, 1500, 256 * 1024])))
        yield


@dataclass(eq=False)
class Watch:
    """One subscription as its client sees it. asked, told: the log's end when it asked, and was answered.

    unpushed: what the sync status behind the answer said. is_over: it may have got only a part.
    """

    viewer: Viewer
    filters: tuple[Filter, ...]
    start: int
    asked: int
    told: int | None = None
    is_refused: bool = False
    unpushed: int | None = None
    is_over: bool = False
    sets: list[SequencedPartialPatchSet] = field(default_factory=list)

    def check(self, log: NaiveLog, owners: list[dict[bytes, bytes]]) -> None:
        """Compare with a full scan. owners: of the orders at each end of the log."""
        if self.told is None:
            assert self.is_over
            return
        self._check_answer(owners, range(self.asked, self.told + 1))
        if self.is_refused:
            return
        expected = log.visible(self.viewer, self.filters, self.start)
        got = all_leaves(self.sets)
        assert got == (expected[: len(got)] if self.is_over else expected)
        if self.unpushed is not None:
            possible = {sum(seq <= end for seq, _ in expected) for end in range(self.asked, self.told + 1)}
            assert self.unpushed in possible

    def _check_answer(self, owners: list[dict[bytes, bytes]], ends: range) -> None:
        if self.viewer.role != "guest":
            assert not self.is_refused
            return
        named = {one.object_id for one in self.filters if one.object_type == ObjectType.ORDER} - {None}
        answers = {
            any(owners[end].get(order_id or b"") != self.viewer.public_key for order_id in named)
            for end in ends
        }
        assert self.is_refused in answers


@dataclass(eq=False)
class Session(Line):
    """A client that reads, writes and follows. Its writes are answered in their order."""

    viewer: Viewer = field(kw_only=True)
    feed: HostedShop = field(kw_only=True)
    push_limit: int = field(kw_only=True)
    writes: list[int] = field(default_factory=list)
    asking: dict[int, Watch] = field(default_factory=dict)
    cancelling: dict[int, bytes] = field(default_factory=dict)
    watches: dict[bytes, Watch] = field(default_factory=dict)
    fresh: Watch | None = None
    is_dead: bool = False

    async def take(self, envelope: wire.Envelope) -> None:
        """Check each frame against what may come now."""
        request_id, message = envelope.request_id, envelope.message
        await super().take(envelope)
        fresh, self.fresh = self.fresh, None
        if fresh is not None:
            assert isinstance(message, wire.SyncStatusRequest), "a sync status comes right behind the answer"
            fresh.unpushed = message.unpushed_patches
        match message:
            case wire.SubscriptionPushRequest():
                self._take_push(message)
            case wire.Success() | wire.Failure():
                self._take_answer(request_id, message)

    def _take_push(self, push: wire.SubscriptionPushRequest) -> None:
        assert len(self.unacknowledged) <= self.push_limit
        self.watches[push.subscription_id].sets += push.sets
        self.pushes.get_nowait()

    def _take_answer(self, request_id: int, answer: wire.Response) -> None:
        if isinstance(answer, wire.Failure):
            assert answer.code != 0
            assert answer.message not in ("", own_fault().message)
        if request_id in self.writes:
            assert self.writes.pop(0) == request_id
        elif request_id in self.asking:
            self._take_subscription(self.asking.pop(request_id), answer)
        elif request_id in self.cancelling and isinstance(answer, wire.Success):
            # From here on a push with this id is a KeyError.
            self.watches.pop(self.cancelling.pop(request_id)).is_over = True

    def _take_subscription(self, watch: Watch, answer: wire.Response) -> None:
        if isinstance(answer, wire.Failure) and answer.code == Code.UNLINKED_KEYCARD:
            watch.is_over = True
            return
        watch.told = self.feed.feed.seq
        if isinstance(answer, wire.Success):
            self.watches[answer.payload] = self.fresh = watch
        else:
            assert answer.code == Code.NOT_AUTHENTICATED, answer
            watch.is_refused = True

    async def pump(self, most: int) -> None:
        """Read so many frames, as far as they are there."""
        while most > 0 and self.connection.outbox.frames:
            await self.read()
            most -= 1

    def end(self) -> None:
        """Take note that nothing more will come."""
        self.is_dead = True
        for watch in (*self.watches.values(), *self.asking.values()):
            watch.is_over = True


class History:
    """One history, from its seed."""

    def __init__(self, seed: int, house: House, push_limit: int) -> None:
        self.draw = random.Random(seed)
        self.house = house
        self.push_limit = push_limit
        self.cards: list[tuple[PrivateKey, str]] = []
        self.sessions: list[Session] = []
        self.watches: list[Watch] = []
        self.hosted: HostedShop
        self.next_listing = LISTINGS
        # What there will be if everything is accepted: so that most of it is.
        self.orders: dict[int, bytes] = {}
        self.tags: set[str] = set()

    async def begin(self) -> None:
        """Make the shop, with two clerks and three guests, all of whom are there."""
        wallet = b"\x0c" * 20
        for role in ("clerk", "clerk", "guest", "guest", "guest"):
            card_wallet = wallet if role == "clerk" else None
            key = await self.house.enrol(is_guest=role == "guest", wallet=card_wallet)
            self.cards.append((key, role))
        hosted = await self.house.relay.shops.find(SHOP)
        assert hosted is not None
        self.hosted = hosted
        for number in range(len(self.cards)):
            await self._connect(number)
        # The one that administers has no subscription, and is never unlinked.
        await self.sessions[0].write(*(listing(number) for number in range(1, LISTINGS)))

    async def _connect(self, card: int | None) -> Session:
        key, role = (None, "visitor") if card is None else self.cards[card]
        session = Session(
            key,
            SHOP,
            False,
            connection=self.house.relay.connect(),
            viewer=Viewer(role, key.public_key if key else b""),
            feed=self.hosted,
            push_limit=self.push_limit,
        )
        # Late enough to be above whatever an earlier session of this card used.
        session.nonce = len(self.sessions) * 1_000_000
        if key is not None:
            await session.authenticate()
        self.sessions.append(session)
        self.house.lines.append(session)
        return session

    async def run(self) -> None:
        """Take the steps, then let everybody read to the end."""
        steps = (
            [self._write] * 10
            + [self._read] * 12
            + [self._subscribe] * 6
            + [self._pause] * 8
            + [self._cancel, self._come_back, self._arrive, self._forget, self._close_by_error]
        )
        for number in range(STEPS):
            await self.draw.choice(steps)()
            if number == STEPS // 2:
                await self._unlink()
        await self._finish()

    @property
    def _alive(self) -> list[Session]:
        for session in self.sessions:
            if (
                session.connection.hang_up is not None
                and not session.connection.outbox.frames
                and not session.is_dead
            ):
                assert session.connection.hang_up.code == UNLINKED_CLOSE
                session.end()
        return [session for session in self.sessions if not session.is_dead]

    # -- steps

    async def _write(self) -> None:
        writers = [one for one in self._alive if one.key is not None and one.connection.hang_up is None]
        session = self.draw.choice(writers)
        patches = [
            patch
            for _ in range(self.draw.choice([1, 1, 2, 5, 12]))
            for patch in self._patches(session.viewer)
        ]
        sealed = session.seal(*patches)
        session.writes.append(session.next_id + 1)
        await session.start(wire.PatchSetWriteRequest(sealed))

    def _patches(self, viewer: Viewer) -> list[Spec]:
        """Draw a patch or two, most of which will be accepted."""
        if viewer.role == "guest" or self.draw.random() < 0.4:
            return self._order_patches(viewer)
        at, tag = self.draw.randint(1, LISTINGS - 1), self.draw.choice(TAGS)
        self.next_listing += 1
        choices: list[list[Spec]] = [
            [("replace", ("Listings", at, "Price"), self.draw.randrange(1000))],
            [listing(self.next_listing)],
            [("increment", ("Inventory", at), 1)],
            [("append", ("Listings", at, "Metadata", "Images"), "x" * self.draw.choice([1, 300, 600]))],
        ]
        if tag in self.tags:
            choices += [[("replace", ("Tags", tag, "ListingIDs"), [at])], [("remove", ("Tags", tag), None)]]
        else:
            choices.append(
                [("add", ("Tags", tag), {"Name": tag}), ("append", ("Tags", tag, "ListingIDs"), at)]
            )
        patches = self.draw.choice(choices)
        if patches[0][1][0] == "Tags":
            self.tags ^= {tag} if patches[0][0] != "replace" else set()
        return patches

    def _order_patches(self, viewer: Viewer) -> list[Spec]:
        """Draw patches of an order: whoever may not, mostly keeps off the orders of others."""
        own = [
            number
            for number in range(1, ORDERS + 1)
            if viewer.role == "clerk" or self.orders.get(number) in (None, viewer.public_key)
        ]
        if not own or self.draw.random() < 0.1:
            own = list(range(1, ORDERS + 1))
        number = self.draw.choice(own)
        if number not in self.orders:
            self.orders[number] = viewer.public_key
            return [order(number)]
        item: Value = {"ListingID": self.draw.randint(1, LISTINGS - 1), "Quantity": 1}
        choices: list[list[Spec]] = [
            [("replace", ("Orders", number, "State"), 1)],
            [("append", ("Orders", number, "Items"), item)],
            [("remove", ("Orders", number), None)],
            [("remove", ("Orders", number), None), order(number)],
        ]
        patches = self.draw.choice(choices)
        if patches[0][0] == "remove":
            del self.orders[number]
        if patches[-1][0] == "add":
            self.orders[number] = viewer.public_key
        return patches

    async def _read(self) -> None:
        session = self.draw.choice(self._alive)
        await session.pump(self.draw.choice([1, 3, 100]))
        if session.connection.hang_up is None and self.draw.random() < 0.7:
            waiting = len(session.unacknowledged)
            await session.acknowledge(self.draw.choice([waiting, waiting, waiting // 2]))

    async def _subscribe(self) -> None:
        session = self.draw.choice(self._alive)
        if session.connection.hang_up is not None or session is self.sessions[0]:
            return
        end = self.hosted.feed.seq
        start = self.draw.choice([0, end, self.draw.randint(0, end)])
        watch = Watch(session.viewer, self._filters(session.viewer.role), start, end)
        await self._watch(session, watch)

    async def _watch(self, session: Session, watch: Watch) -> None:
        if len(session.watches) + len(session.asking) >= 30:
            return
        self.watches.append(watch)
        session.asking[session.next_id + 1] = watch
        await session.start(wire.SubscriptionRequest(SHOP.to_bytes(32), watch.start, watch.filters))

    def _filters(self, role: str) -> tuple[Filter, ...]:
        kinds = [ObjectType.LISTING, ObjectType.TAG, ObjectType.ACCOUNT, ObjectType.MANIFEST]
        kinds += [ObjectType.ORDER] * 3 if role != "visitor" else []
        kinds += [ObjectType.INVENTORY] if role == "clerk" else []
        return tuple(
            self._filter(self.draw.choice(kinds)) for _ in range(self.draw.choice([0, 0, 1, 1, 2, 4]))
        )

    def _filter(self, kind: ObjectType) -> Filter:
        if kind is ObjectType.MANIFEST or self.draw.random() < 0.4:
            return Filter(kind)
        if kind is ObjectType.TAG:
            return Filter(kind, self.draw.choice(TAGS).encode())
        if kind is ObjectType.ACCOUNT:
            return Filter(kind, self.draw.choice([bytes(20), b"\x0c" * 20, b"\x0d" * 20]))
        most = ORDERS if kind is ObjectType.ORDER else LISTINGS
        return Filter(kind, self.draw.randint(1, most).to_bytes(8))

    async def _pause(self) -> None:
        if self.draw.random() < 0.5:
            await self.hosted.sequencer.wait_idle()
        for _ in range(self.draw.choice([1, 3, 10])):
            await asyncio.sleep(0)

    async def _cancel(self) -> None:
        session = self.draw.choice(self._alive)
        known = set(session.watches) - set(session.cancelling.values())
        if known and session.connection.hang_up is None:
            subscription_id = self.draw.choice(sorted(known))
            session.cancelling[session.next_id + 1] = subscription_id
            await session.start(wire.SubscriptionCancelRequest(subscription_id))

    async def _close_by_error(self) -> None:
        session = self.draw.choice(self._alive)
        if not session.unacknowledged or session.connection.hang_up is not None:
            return
        push = session.unacknowledged.popleft()
        frame = next(one for one in session.received if one.request_id == push).message
        assert isinstance(frame, wire.SubscriptionPushRequest)
        await session.send(wire.encode_envelope(push, wire.Failure(Code.CLOSE_SUBSCRIPTION, "enough")))
        watch = session.watches.get(frame.subscription_id)
        if watch is not None:
            # What has left already still comes.
            watch.is_over = True

    async def _come_back(self) -> None:
        """Lose a connection, and resume on another one where each subscription was."""
        session = self.draw.choice(self._alive)
        if session is self.sessions[0] or session.connection.hang_up is not None:
            return
        resumed = [watch for watch in session.watches.values() if not watch.is_over]
        session.connection.lost()
        session.end()
        keys = [key for key, _ in self.cards]
        again = await self._connect(keys.index(session.key) if session.key else None)
        for watch in resumed:
            # The last set may have come in part only.
            start = watch.sets[-1].seq - 1 if watch.sets else watch.start
            end = self.hosted.feed.seq
            await self._watch(again, Watch(watch.viewer, watch.filters, min(start, end), end))

    async def _arrive(self) -> None:
        await self._connect(None)

    async def _forget(self) -> None:
        self.house.forget_recent_sets()

    async def _unlink(self) -> None:
        """Unlink a guest's card, or the second clerk's."""
        card = self.draw.choice([1, 2, 3])
        wallet, index = (b"\x0c" * 20, 1) if card == 1 else (bytes(20), card - 2)
        admin = self.sessions[0]
        admin.writes.append(admin.next_id + 1)
        await admin.start(
            wire.PatchSetWriteRequest(admin.seal(("remove", ("Accounts", wallet, "KeyCards", index), None)))
        )
        await self.hosted.sequencer.wait_idle()
        keys = [key for key, _ in self.cards]
        for session in self._alive:
            if session.key is not None and keys.index(session.key) == card:
                assert session.connection.hang_up is not None
                assert session.connection.hang_up.code == UNLINKED_CLOSE

    # -- the end

    async def _finish(self) -> None:
        await self.hosted.sequencer.wait_idle()
        # Whatever became of the others, one reads everything that anybody may see.
        last = await self._connect(None)
        await self._watch(last, Watch(last.viewer, (), 0, self.hosted.feed.seq))
        log = await self._scan()
        for session in self._alive:
            session.acknowledges = True
            if session.connection.hang_up is None:
                await session.acknowledge()
            async with asyncio.timeout(TIMEOUT_S):
                while not self._has_all(session, log):
                    frame = await session.connection.next_frame()
                    if frame is None:
                        break
                    session.connection.sent([frame])
                    await session.take(wire.decode_envelope(frame))
            if session.connection.hang_up is None:
                await session.quiet()
        assert all(session.is_dead or not session.writes for session in self._alive)
        owners = owners_by_end(log)
        for watch in self.watches:
            watch.check(log, owners)

    def _has_all(self, session: Session, log: NaiveLog) -> bool:
        return not (session.asking or session.writes or session.fresh) and all(
            watch.is_over
            or sum(len(one.patches) for one in watch.sets)
            >= len(log.visible(watch.viewer, watch.filters, watch.start))
            for watch in session.watches.values()
        )

    async def _scan(self) -> NaiveLog:
        log = NaiveLog()
        while True:
            page = await self.house.store.reader.page_wire(
                self.hosted.row.row_id,
                after_seq=log.end,
                upto_seq=2**40 - 1,
                max_patches=1000,
                max_bytes=2**20,
            )
            if not page:
                return log
            log.append(decode_set(one.wire) for one in page)


def owners_by_end(log: NaiveLog) -> list[dict[bytes, bytes]]:
    """Return for each sequence number, and 0, who created the orders that there are then."""
    by_end: list[dict[bytes, bytes]] = [{} for _ in range(log.end + 1)]
    owners: dict[bytes, bytes] = {}
    patches = iter([*log.patches, None])
    one = next(patches)
    for end in range(log.end + 1):
        while one is not None and one.seq == end:
            if one.patch.object_type is ObjectType.ORDER and not one.patch.fields:
                if one.patch.op == "add":
                    owners[one.patch.object_id] = one.creator
                elif one.patch.op == "remove":
                    owners.pop(one.patch.object_id)
            one = next(patches)
        by_end[end] = dict(owners)
    return by_end


async def play(seed: int, directory: Path) -> int:
    """Play one history, and check it; give how many patches were pushed."""
    draw = random.Random(seed)
    push_limit = draw.choice([1, 2, 1024])
    limits = relay_limits(unacknowledged_pushes=push_limit, unsent_pushes=draw.choice([1, 3000, 512 * 1024]))
    with small_bounds(draw):
        async with running_relay(directory, limits) as house:
            history = History(seed, house, push_limit)
            await history.begin()
            await history.run()
            return sum(len(one.patches) for watch in history.watches for one in watch.sets)
