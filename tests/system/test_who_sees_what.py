"""Who gets what of a shop's log: random shops, every way to a patch, against the sentences of spec 05.

Orders change hands all the while. Each subscription has to get exactly what the naive reading says
(`tests/relay/naive.py`), whether it follows live or reads the log; and breaking either way has to be seen.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from minirelay.errors import Code
from minirelay.protocol.envelope import Filter
from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, open_patch_set
from minirelay.protocol.push import SequencedPartialPatchSet, decode_set
from minirelay.relay import fan_out, packing, subscription
from minirelay.relay.audience import Touched
from minirelay.relay.client_write import ClientWrite
from minirelay.relay.log_query import LogQuery, query_of
from minirelay.relay.packing import VisibleSet
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.relay.subscription import PAGE_BYTES
from minirelay.shop.access import Role, may_see
from minirelay.shop.ownership import RELAY_ITSELF, Author, Ownership
from minirelay.shop.visibility import View, view_of
from minirelay.shop.work import Work
from minirelay.store.messages import Counts, Leaf, SelectedPage, StoredSet
from minirelay.store.reader import Reader
from tests.raw_client import Line, Refused, Spec, all_leaves
from tests.relay.checkout_writes import judge_alone, judge_with_relays_sets
from tests.relay.house import (
    SHOP,
    House,
    listing,
    order,
    running_relay,
)
from tests.relay.naive import VISITOR, NaiveLog, Viewer

SEEDS = range(30)
WRITES = 40
LISTINGS, ORDERS, TAGS = 3, 4, ("sale", "new")
CANCELLED = 4
"""Who adds an order with this number gets it cancelled, by two sets of the relay's right behind."""
WAIT_S = 30.0
"""For what must come; what is broken on purpose is waited for in vain."""


@dataclass(eq=False)
class Member:
    """A session, and who it is in the shop."""

    line: Line
    viewer: Viewer


@dataclass
class Watch:
    """One subscription. unpushed: how much was to come by the log's end when it asked."""

    member: Member
    viewer: Viewer
    filters: tuple[Filter, ...]
    start: int
    end: int
    subscription_id: bytes
    sets: list[SequencedPartialPatchSet] = field(default_factory=list)

    @property
    def unpushed(self) -> int:
        number = int.from_bytes(self.subscription_id)
        statuses = self.member.line.sync_statuses
        return next(one.unpushed_patches for one in statuses if one.subscription_id == number)


def judge(write: ClientWrite, head: ShopHead, loop_work: Work | None = None) -> Accepted:
    """Judge a client's set, with what the relay adds to it."""
    first, *more = open_patch_set(write.request.patch_set).patches
    is_cancelled = first.object_type is ObjectType.ORDER and first.object_id == CANCELLED.to_bytes(8)
    if is_cancelled and first.op == "add" and not more:
        return judge_with_relays_sets(write, head, loop_work)
    return judge_alone(write, head, loop_work)


class History:
    """A shop with a clerk, three guests, a visitor, and a clerk of another shop."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.draw = random.Random(seed)
        self.log = NaiveLog()
        self.members: list[Member] = []
        self.watches: list[Watch] = []

    async def run(self) -> None:
        """Let everybody subscribe, write, and subscribe again; then compare."""
        with pytest.MonkeyPatch.context() as patch:
            # A page of a byte: every set of the log is one that is too large for a page.
            patch.setattr(subscription, "PAGE_BYTES", self.draw.choice([1, PAGE_BYTES, PAGE_BYTES]))
            patch.setattr(ClientWrite, "judge", judge)
            await self._run()

    async def _run(self) -> None:
        await self._begin()
        for member in self.members:
            await self._subscribe_often(member)
        for _ in range(WRITES):
            await self._write(self.draw.choice(self.members[:4]))
            if self.draw.random() < 0.2:
                await self._subscribe_often(self.draw.choice(self.members))
        # What is in memory is not read from the log.
        self.house.forget_recent_sets()
        for member in self.members:
            await self._subscribe_often(member)
        for member in self.members:
            await self._compare(member)

    async def _begin(self) -> None:
        clerk = await self.house.enrol()
        self.members.append(Member(await self.house.line(clerk), Viewer("clerk", clerk.public_key)))
        for _ in range(3):
            guest = await self.house.enrol(is_guest=True)
            member = Member(await self.house.line(), VISITOR)
            # Whoever subscribes before authenticating keeps a visitor's view.
            await self._read_log()
            await self._subscribe(member, (), 0)
            member.line.key, member.viewer = guest, Viewer("guest", guest.public_key)
            await member.line.authenticate()
            self.members.append(member)
        stranger = await self.house.enrol(shop_id=SHOP + 1)
        self.members.append(Member(await self.house.line(), VISITOR))
        self.members.append(Member(await self.house.line(stranger), VISITOR))
        await self.members[0].line.write(
            *(listing(number) for number in range(1, LISTINGS + 1)), order(ORDERS)
        )
        tags: list[Spec] = [("add", ("Tags", tag), {"Name": tag}) for tag in TAGS]
        await self.members[0].line.write(*tags)
        await self.members[1].line.write(order(1))
        await self.members[2].line.write(order(2))

    # -- writing

    async def _write(self, member: Member) -> None:
        await self._read_log()
        creators = dict(self.log.creators)
        patches = [self._patch(member.viewer, creators) for _ in range(self.draw.choice([1, 1, 2, 4]))]
        with suppress(Refused):
            await member.line.write(*patches)

    def _patch(self, viewer: Viewer, creators: dict[bytes, bytes]) -> Spec:
        """Draw a patch that will mostly be accepted. creators: of the orders that there are then."""
        if viewer.role == "guest" or self.draw.random() < 0.6:
            return self._order_patch(viewer, creators)
        at = self.draw.randint(1, LISTINGS)
        others: list[Spec] = [
            ("replace", ("Listings", at, "Price"), self.draw.randrange(1000)),
            ("increment", ("Inventory", at), 1),
            ("replace", ("Tags", self.draw.choice(TAGS), "ListingIDs"), [at]),
        ]
        return self.draw.choice(others)

    def _order_patch(self, viewer: Viewer, creators: dict[bytes, bytes]) -> Spec:
        numbers = [
            number
            for number in range(1, ORDERS + 1)
            if viewer.role == "clerk" or creators.get(number.to_bytes(8)) in (None, viewer.public_key)
        ]
        if not numbers or self.draw.random() < 0.1:
            numbers = list(range(1, ORDERS + 1))
        number = self.draw.choice(numbers)
        if number.to_bytes(8) not in creators:
            creators[number.to_bytes(8)] = viewer.public_key
            return order(number)
        if self.draw.random() < 0.6:
            return ("replace", ("Orders", number, "State"), 1)
        del creators[number.to_bytes(8)]
        return ("remove", ("Orders", number), None)

    # -- subscribing

    async def _subscribe_often(self, member: Member) -> None:
        await self._read_log()
        for filters in ((), self._filters(member.viewer), self._filters(member.viewer)):
            await self._subscribe(
                member, filters, self.draw.choice([0, 0, self.draw.randint(0, self.log.end)])
            )

    async def _subscribe(self, member: Member, filters: tuple[Filter, ...], start: int) -> None:
        if sum(watch.member is member for watch in self.watches) >= 32:
            return
        named = {one.object_id for one in filters if one.object_type == ObjectType.ORDER} - {None}
        is_refused = member.viewer.role == "guest" and any(
            self.log.creators.get(order_id or b"") != member.viewer.public_key for order_id in named
        )
        if is_refused:
            with pytest.raises(Refused) as refused:
                await member.line.subscribe(start, *filters, shop_id=SHOP)
            assert refused.value.code == Code.NOT_AUTHENTICATED
            return
        subscription_id = await member.line.subscribe(start, *filters, shop_id=SHOP)
        self.watches.append(Watch(member, member.viewer, filters, start, self.log.end, subscription_id))

    def _filters(self, viewer: Viewer) -> tuple[Filter, ...]:
        kinds = [ObjectType.LISTING, ObjectType.TAG, ObjectType.ACCOUNT, ObjectType.MANIFEST]
        kinds += [ObjectType.ORDER] * 4 if viewer.role != "visitor" else []
        kinds += [ObjectType.INVENTORY] if viewer.role == "clerk" else []
        return tuple(self._filter(self.draw.choice(kinds)) for _ in range(self.draw.choice([1, 1, 2, 3])))

    def _filter(self, kind: ObjectType) -> Filter:
        if kind in (ObjectType.MANIFEST, ObjectType.ACCOUNT) or self.draw.random() < 0.4:
            return Filter(kind)
        if kind is ObjectType.TAG:
            return Filter(kind, self.draw.choice(TAGS).encode())
        return Filter(kind, self.draw.randint(1, ORDERS).to_bytes(8))

    # -- comparing

    def hand_changes(self) -> int:
        """Count how often another card created an order whose id had been used."""
        by_order: dict[bytes, list[bytes]] = {}
        for one in self.log.patches:
            if one.patch.object_type is ObjectType.ORDER:
                by_order.setdefault(one.patch.object_id, []).append(one.creator)
        return sum(one != after for hands in by_order.values() for one, after in pairwise(hands))

    async def _read_log(self) -> None:
        """Read on in the log as it is stored."""
        row = await self.house.store.reader.shop(SHOP)
        assert row is not None
        page = await self.house.store.reader.page_wire(
            row.row_id, after_seq=self.log.end, upto_seq=2**40 - 1, max_patches=10**6, max_bytes=10**8
        )
        self.log.append(decode_set(one.wire) for one in page)

    async def _compare(self, member: Member) -> None:
        await self._read_log()
        watches = {one.subscription_id: one for one in self.watches if one.member is member}
        expected = {key: self.log.visible(one.viewer, one.filters, one.start) for key, one in watches.items()}
        missing = sum(map(len, expected.values()))
        try:
            async with asyncio.timeout(WAIT_S):
                while missing > 0:
                    push = await member.line.next_push()
                    watches[push.subscription_id].sets += push.sets
                    missing -= sum(len(one.patches) for one in push.sets)
        except TimeoutError as error:
            raise AssertionError(f"{member.viewer.role}: {missing} patches did not come") from error
        await member.line.quiet()
        assert member.line.pushes.empty()
        for key, watch in watches.items():
            assert all_leaves(watch.sets) == expected[key], (watch.viewer.role, watch.filters)
            assert watch.unpushed == sum(seq <= watch.end for seq, _ in expected[key])


@pytest.mark.parametrize("seed", SEEDS)
async def test_everybody_gets_what_the_spec_says_live_and_from_the_log(tmp_path: Path, seed: int) -> None:
    async with running_relay(tmp_path) as house:
        history = History(house, seed)
        await history.run()
    assert history.hand_changes() >= 2


# -- each way, broken


def everything_to_everybody(_: View, stored: StoredSet) -> VisibleSet | None:
    return packing.see(view_of(Role.CLERK), stored)


def live_cuts_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fan_out, "see", everything_to_everybody)


def live_shares_what_is_somebodys_own(patch: pytest.MonkeyPatch) -> None:
    def widened(view: View) -> View:
        return View(view.types | view.own_types, view.objects | view.own_objects)

    patch.setattr(View, "without_own", widened)


def live_forgets_the_owners(patch: pytest.MonkeyPatch) -> None:
    by = Touched.by

    def forgetful(sets: Sequence[StoredSet]) -> Touched:
        touched = by(sets)
        return Touched(touched.types, touched.objects, set())

    patch.setattr(Touched, "by", forgetful)


def a_scan_of_the_log_cuts_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(subscription, "see", everything_to_everybody)


def the_index_of_the_log_decides_alone(patch: pytest.MonkeyPatch) -> None:
    index_page = Reader.index_page

    async def undecided(
        reader: Reader, shop: int, wanted: Sequence[object], _: Callable[[Leaf], bool], **bounds: int
    ) -> SelectedPage:
        return await index_page(reader, shop, wanted, lambda _: True, **bounds)  # type: ignore[arg-type]

    patch.setattr(Reader, "index_page", undecided)


def the_index_of_the_log_forgets_owners(patch: pytest.MonkeyPatch) -> None:
    def forgetful(view: View) -> LogQuery:
        query = query_of(view)
        return LogQuery(query.types, tuple(one for one in query.selections if one.owner == NOBODY))

    patch.setattr(subscription, "query_of", forgetful)


def the_parts_of_large_sets_are_everybodys(patch: pytest.MonkeyPatch) -> None:
    def everything(_: View, patches: Sequence[Leaf], first: int) -> Iterator[int]:
        return iter(range(first, len(patches)))

    patch.setattr(View, "visible_from", everything)


def whoever_removes_an_order_takes_it_over(patch: pytest.MonkeyPatch) -> None:
    note = Ownership.note

    def grasping(owners: Ownership, one: Patch, author: Author) -> int:
        owner = note(owners, one, author)
        return author.card_row if one.op == "remove" else owner

    patch.setattr(Ownership, "note", grasping)


def what_the_relay_adds_is_nobodys(patch: pytest.MonkeyPatch) -> None:
    note = Ownership.note

    def forgetful(owners: Ownership, one: Patch, author: Author) -> int:
        owner = note(owners, one, author)
        return NOBODY if author == RELAY_ITSELF else owner

    patch.setattr(Ownership, "note", forgetful)


def counts_are_those_of_all_orders(patch: pytest.MonkeyPatch) -> None:
    def generous(query: LogQuery, start: Counts, end: Counts) -> int:
        return end.of(*query.types | {ObjectType.ORDER}) - start.of(*query.types | {ObjectType.ORDER})

    patch.setattr(LogQuery, "count_types", generous)


def guests_see_every_order(patch: pytest.MonkeyPatch) -> None:

    def lenient(role: Role, object_type: ObjectType, owns: bool) -> bool:
        return may_see(role, object_type, owns or role is Role.GUEST)

    patch.setattr("minirelay.shop.visibility.may_see", lenient)


def an_order_is_its_owners_by_name_only(patch: pytest.MonkeyPatch) -> None:
    sees = View.sees

    def lenient(view: View, leaf: Leaf) -> bool:
        return sees(view, leaf) or (leaf.object_type, leaf.object_id) in view.own_objects

    patch.setattr(View, "sees", lenient)


BREAKAGES: list[Callable[[pytest.MonkeyPatch], None]] = [
    live_cuts_nothing,
    live_shares_what_is_somebodys_own,
    live_forgets_the_owners,
    a_scan_of_the_log_cuts_nothing,
    the_index_of_the_log_decides_alone,
    the_index_of_the_log_forgets_owners,
    the_parts_of_large_sets_are_everybodys,
    whoever_removes_an_order_takes_it_over,
    what_the_relay_adds_is_nobodys,
    counts_are_those_of_all_orders,
    guests_see_every_order,
    an_order_is_its_owners_by_name_only,
]


def attempts(directory: Path) -> Iterator[tuple[int, Path]]:
    for seed in SEEDS:
        (place := directory / str(seed)).mkdir()
        yield seed, place


@pytest.mark.parametrize("break_it", BREAKAGES)
async def test_what_breaks_one_way_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_it: Callable[[pytest.MonkeyPatch], None]
) -> None:
    monkeypatch.setattr("tests.system.test_who_sees_what.WAIT_S", 0.5)
    break_it(monkeypatch)
    for seed, place in attempts(tmp_path):
        async with running_relay(place) as house:
            try:
                await History(house, seed).run()
            except AssertionError:
                return
    pytest.fail("this was not seen by any history")
