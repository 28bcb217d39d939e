"""The order of a shop's log: speculation, waiting for the disk, and what happens when a commit fails.

The writer here is a fake that delays and fails on purpose; the head and the patch sets are real.
"""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest

from minirelay.errors import MinirelayError, Refusal, StoreError, invalid
from minirelay.protocol.ids import NOBODY
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.clock import utc_now
from minirelay.relay.sequencer import LOOP_WORK, SLICE_BYTES, THREAD_BYTES, Sequencer
from minirelay.relay.shop_head import Accepted, Card, ShopHead
from minirelay.shop.access import Role
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.checkout_records import MOST_ENTERED, RecordChanges
from minirelay.shop.live_orders import LiveOrder
from minirelay.shop.objects import Manifest
from minirelay.shop.ownership import Author
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import ShopRow, StoredSet
from minirelay.store.writes import Commit
from tests.relay.requests import judged

KEY = PrivateKey.from_bytes(b"\x05" * 32)
ROW = ShopRow(1, 1, 0)


class Disk:
    """A writer whose commits end when the test says so, and the head as it is on disk."""

    def __init__(self) -> None:
        self.epoch = 0
        self.waiting: list[tuple[Commit, asyncio.Future[None]]] = []
        self.stored: list[Commit] = []
        self.reads = 0
        self.is_broken = False
        self.is_full = False
        self.barriers: list[asyncio.Future[None]] = []

    def barrier(self) -> asyncio.Future[None]:
        self.barriers.append(asyncio.get_running_loop().create_future())
        return self.barriers[-1]

    def commit(self, commit: Commit) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((commit, future))
        return future

    def succeed(self, count: int | None = None) -> None:
        done, self.waiting = self.waiting[:count], self.waiting[len(self.waiting[:count]) :]
        for commit, future in done:
            self.stored.append(commit)
            future.set_result(None)

    def fail(self) -> None:
        done, self.waiting = self.waiting, []
        self.epoch += 1
        for _, future in done:
            future.set_exception(StoreUnavailable("disk full"))

    async def open_head(self) -> ShopHead:
        self.reads += 1
        if self.is_broken:
            raise StoreUnavailable("cannot read")
        head = ShopHead.start(self.epoch, ROW)
        head.cards[KEY.public_key] = Card(1, 0, False, False)
        for commit in self.stored:
            for request in ALL_WRITES:
                if request.seq_of(commit):
                    head.append(request.judge(head))
        return head


ALL_WRITES: list["Write"] = []


@dataclass(eq=False)
class Write:
    """A request that notes what it was told."""

    name: str
    nonce: int
    is_refused: bool = False
    size_bytes: int = 100
    work: int = 100
    log: list[str] = field(default_factory=list)
    seq: int = 0
    root: bytes = b""
    error: MinirelayError | None = None
    on_judge: Callable[[], None] | None = None
    on_prepare: Callable[[], None] | None = None
    steps: list[str] = field(default_factory=list)
    was_judged_early: bool = False

    def decode(self) -> None:
        self.steps.append(f"decode {self.name}")
        if self.on_prepare is not None:
            self.on_prepare()

    def verify(self) -> None:
        self.steps.append(f"verify {self.name}")

    def take_turn(self) -> bool:
        return True

    def end_turn(self, missing: FactsMissing | None = None) -> None:
        assert missing is None

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        self.was_judged_early = head.is_entering
        self.steps.append(f"judge {self.name}" if loop_work is not None else f"judge {self.name} aside")
        if loop_work is not None:
            loop_work.spend(self.work)
        if self.on_judge is not None:
            self.on_judge()
        if self.is_refused:
            raise invalid("no")
        value = {
            "ShopID": 1,
            "Payees": {},
            "AcceptedCurrencies": {},
            "PricingCurrency": {"ChainID": self.nonce, "Address": bytes(20)},
        }
        sealed = seal_patch_set(
            [NewPatch("replace", ("Manifest",), value)],  # type: ignore[arg-type]
            shop_id=1,
            key_card_nonce=self.nonce,
            timestamp=datetime(2025, 6, 1, tzinfo=UTC),
            key=KEY,
        )
        patch_set = open_patch_set(sealed)
        self.seq = head.next_seq
        return judged(head, Author(Role.CLERK, 1), patch_set)

    def seq_of(self, commit: Commit) -> bool:
        return self.nonce == next(iter(commit.nonces.values()))

    def log_as(self, tell: Callable[[], None]) -> None:
        tell()

    def stored(self, root_hash: bytes) -> None:
        self.root = root_hash
        self.log.append(self.name)

    def refuse(self, error: MinirelayError) -> None:
        self.error = error
        self.log.append(f"{self.name}: {type(error).__name__}")


@dataclass
class Events:
    """What the sequencer tells of its shop. log: of what is told to those who write, too."""

    log: list[str]
    published: list[StoredSet] = field(default_factory=list)
    opened_bytes: list[int] = field(default_factory=list)

    def opened(self, shop: int, size_bytes: int) -> None:
        assert shop == ROW.row_id
        self.opened_bytes.append(size_bytes)

    def manifest_changed(self, shop: int, manifest: Manifest) -> None:
        raise AssertionError("only a client's set is told to have changed it")

    def stored(self, shop: int, sets: Sequence[StoredSet]) -> None:
        assert shop == ROW.row_id
        self.published.extend(sets)

    def checkout_changed(self, shop: int, records: RecordChanges) -> None:
        """Take note of nothing."""

    def unlinked(self, card_row: int) -> None:
        self.log.append(f"unlinked {card_row}")


@dataclass
class Bench:
    disk: Disk
    sequencer: Sequencer
    log: list[str]
    events: Events

    @property
    def published(self) -> list[StoredSet]:
        return self.events.published

    def write(self, name: str, *, is_refused: bool = False, size_bytes: int = 100, work: int = 100) -> Write:
        request = Write(name, len(ALL_WRITES) + 1, is_refused, size_bytes, work, self.log)
        ALL_WRITES.append(request)
        self.sequencer.submit(request)
        return request

    async def settle(self) -> None:
        """Let everything run that can run without the disk."""
        for _ in range(20):
            await asyncio.sleep(0)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    ALL_WRITES.clear()
    disk, log = Disk(), list[str]()
    events = Events(log)
    sequencer = Sequencer(ROW.row_id, disk, disk.open_head, events, utc_now)
    one = Bench(disk, sequencer, log, events)
    yield one
    disk.succeed()
    await one.settle()


async def test_an_answer_waits_for_its_commit() -> None:
    async with bench() as one:
        write = one.write("a")
        await one.settle()
        assert len(one.disk.waiting) == 1
        assert one.log == []
        assert one.published == []
        one.disk.succeed()
        await one.settle()
        assert one.log == ["a"]
        assert [stored.seq for stored in one.published] == [1]
        head = one.sequencer.head
        assert head is not None
        assert write.root == head.state.root_hash


async def test_writes_go_on_speculatively_in_their_order() -> None:
    async with bench() as one:
        writes = [one.write(name) for name in "abc"]
        await one.settle()
        assert [write.seq for write in writes] == [1, 2, 3]
        assert one.log == []
        one.disk.succeed(2)
        await one.settle()
        assert one.log == ["a", "b"]
        one.disk.succeed()
        await one.settle()
        assert one.log == ["a", "b", "c"]
        assert len({write.root for write in writes}) == 3


async def test_a_refusal_waits_for_the_state_it_was_judged_on() -> None:
    async with bench() as one:
        one.write("a")
        one.write("no", is_refused=True)
        one.write("b")
        await one.settle()
        assert one.log == []
        one.disk.succeed(1)
        await one.settle()
        assert one.log == ["a", "no: Refusal"]
        one.disk.succeed()
        await one.settle()
        assert one.log == ["a", "no: Refusal", "b"]
        assert [stored.seq for stored in one.published] == [1, 2]


async def test_a_refusal_with_nothing_under_way_comes_in_the_next_turn() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        refused = one.write("no", is_refused=True)
        await asyncio.sleep(0)
        assert isinstance(refused.error, Refusal)


async def test_what_comes_in_one_turn_is_judged_together_step_by_step() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        writes = [one.write(name) for name in "ab"]
        writes[1].steps = writes[0].steps
        assert writes[0].steps == []
        assert not one.sequencer.is_idle
        await asyncio.sleep(0)
        assert writes[0].steps == ["decode a", "decode b", "verify a", "verify b", "judge a", "judge b"]


async def test_a_bug_in_preparing_is_met_again_in_judging(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async with bench() as one:
        await one.sequencer.opened()
        broken, sound = one.write("broken"), one.write("sound")
        broken.on_prepare = broken.on_judge = fail
        await asyncio.sleep(0)
        assert isinstance(broken.error, Refusal)
        assert sound.seq == 1
        assert [record.exc_info is not None for record in caplog.records] == [True, True]


async def test_while_much_waits_to_be_written_nothing_is_judged() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        one.disk.is_full = True
        writes = [one.write("a"), one.write("large", size_bytes=THREAD_BYTES + 1), one.write("b")]
        await one.settle()
        assert [write.steps for write in writes] == [[], [], []]
        assert not one.sequencer.is_idle
        assert len(one.disk.barriers) == 1
        # It is full again when the first barrier is passed.
        one.disk.barriers[0].set_result(None)
        await one.settle()
        assert len(one.disk.barriers) == 2
        one.disk.is_full = False
        one.disk.barriers[1].set_exception(StoreUnavailable("disk full"))
        await asyncio.wait_for(_until(lambda: len(one.disk.waiting) == 3), 10)
        assert [write.seq for write in writes] == [1, 2, 3]


async def test_after_a_failed_commit_nothing_that_rested_on_it_stands() -> None:
    async with bench() as one:
        first = one.write("a")
        await one.settle()
        one.disk.succeed()
        await one.settle()
        one.write("b")
        one.write("no", is_refused=True)
        one.write("c")
        await one.settle()
        one.disk.fail()
        await one.settle()
        assert one.log == ["a", "b: StoreUnavailable", "no: StoreUnavailable", "c: StoreUnavailable"]
        retry = one.write("d")
        await one.settle()
        assert one.disk.reads == 2
        assert retry.seq == first.seq + 1
        one.disk.succeed()
        await one.settle()
        assert one.log[-1] == "d"
        assert [stored.seq for stored in one.published] == [1, 2]


async def test_a_write_between_the_failure_and_its_news_is_judged_on_what_is_stored() -> None:
    async with bench() as one:
        one.write("a")
        await one.settle()
        one.disk.fail()
        # its callbacks have not run yet
        late = one.write("b")
        await one.settle()
        assert late.seq == 1
        one.disk.succeed()
        await one.settle()
        assert one.log == ["a: StoreUnavailable", "b"]


async def test_a_head_that_cannot_be_read_refuses_what_waits_and_is_tried_again() -> None:
    async with bench() as one:
        one.disk.is_broken = True
        one.write("a")
        one.write("b")
        await one.settle()
        assert one.log == ["a: StoreUnavailable", "b: StoreUnavailable"]
        with pytest.raises(StoreError):
            await one.sequencer.opened()
        one.disk.is_broken = False
        one.write("c")
        await one.settle()
        one.disk.succeed()
        await one.settle()
        assert one.log[-1] == "c"


async def test_a_large_request_is_judged_aside_and_keeps_its_place() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        large = one.write("large", size_bytes=THREAD_BYTES + 1)
        small = one.write("small")
        assert not one.disk.waiting
        await asyncio.wait_for(_until(lambda: len(one.disk.waiting) == 2), 10)
        assert (large.seq, small.seq) == (1, 2)


async def test_what_takes_much_work_is_judged_aside_and_keeps_its_place() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        writes = [one.write("a"), one.write("heavy", work=LOOP_WORK + 1), one.write("b"), one.write("no")]
        writes[3].is_refused = True
        await asyncio.wait_for(_until(lambda: len(one.disk.waiting) == 3), 10)
        assert [write.seq for write in writes[:3]] == [1, 2, 3]
        assert writes[1].steps == ["decode heavy", "verify heavy", "judge heavy", "judge heavy aside"]
        # What came with it was judged on the loop, behind it.
        assert writes[2].steps[-1] == "judge b"
        one.disk.succeed()
        await one.settle()
        assert one.log == ["a", "heavy", "b", "no: Refusal"]


async def test_nothing_is_collected_while_a_set_is_judged_aside() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        heavy = Write("heavy", 1, work=LOOP_WORK + 1, log=one.log)
        collects: list[bool] = []
        heavy.on_judge = lambda: collects.append(gc.isenabled())
        one.sequencer.submit(heavy)
        await asyncio.wait_for(_until(lambda: bool(collects)), 10)
        assert collects == [False]
        await asyncio.wait_for(_until(lambda: bool(one.disk.waiting)), 10)
        assert gc.isenabled()


async def test_what_takes_just_a_turns_work_is_judged_on_the_loop() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        write = one.write("a", work=LOOP_WORK)
        await one.settle()
        assert write.steps == ["decode a", "verify a", "judge a"]


async def test_a_turn_ends_when_its_work_is_done() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        writes = [one.write(name, work=LOOP_WORK // 2) for name in "abcde"]
        judged = [sum(write.steps[-1:] == [f"judge {write.name}"] for write in writes)]
        while judged[-1] < 5:
            await asyncio.sleep(0)
            judged.append(sum(write.steps[-1:] == [f"judge {write.name}"] for write in writes))
        assert [later - before for before, later in pairwise(judged) if later > before] == [2, 2, 1]


async def test_long_requests_do_not_make_a_turn_longer_than_one_of_them_does() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        sizes = (600, SLICE_BYTES // 2, SLICE_BYTES // 2, THREAD_BYTES, 100, 100)
        writes = [one.write(str(number), size_bytes=size) for number, size in enumerate(sizes)]
        prepared = [0]
        while prepared[-1] < len(writes):
            await asyncio.sleep(0)
            prepared.append(sum(len(write.steps) > 0 for write in writes))
        assert [later - before for before, later in pairwise(prepared) if later > before] == [2, 1, 1, 2]


async def test_work_that_never_ends_on_the_loop_or_beside_it_is_an_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as one:
        await one.sequencer.opened()
        heavy = Write("heavy", 98, work=LOOP_WORK + 1, log=one.log)

        def fail() -> None:
            raise WorkExceeded("more than anybody has")

        heavy.on_judge = fail
        one.sequencer.submit(heavy)
        after = one.write("a")
        await asyncio.wait_for(_until(lambda: bool(after.seq)), 10)
        assert isinstance(heavy.error, WorkExceeded)


async def test_what_was_judged_aside_while_a_commit_failed_is_judged_again() -> None:
    async with bench() as one:
        one.write("a")
        await one.settle()
        large = Write("large", 99, size_bytes=THREAD_BYTES + 1, log=one.log)
        judged: list[int] = []
        has_failed = threading.Event()

        def judge() -> None:
            judged.append(one.disk.epoch)
            assert has_failed.wait(10)

        large.on_judge = judge
        one.sequencer.submit(large)
        await asyncio.wait_for(_until(lambda: bool(judged)), 10)
        one.disk.fail()
        has_failed.set()
        await asyncio.wait_for(_until(lambda: bool(one.disk.waiting)), 10)
        assert judged == [0, 1]
        assert large.seq == 1


class ManyOrders(Write):
    """A request that changes more records than are entered at once."""

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        orders = {number.to_bytes(8): LiveOrder(NOBODY) for number in range(3 * MOST_ENTERED)}
        records = RecordChanges({}, orders, {}, frozenset(), ())
        outcome = CheckoutOutcome((), records, (), ())
        return msgspec.structs.replace(super().judge(head, loop_work), checkout=outcome)


@pytest.mark.parametrize("size_bytes", [100, THREAD_BYTES + 1])
async def test_nothing_is_judged_by_records_that_are_not_all_entered(size_bytes: int) -> None:
    async with bench() as one:
        many = ManyOrders("many", 99, size_bytes=size_bytes, log=one.log)
        behind = Write("behind", 100, log=one.log)
        for write in (many, behind):
            one.sequencer.submit(write)
        await asyncio.wait_for(_until(lambda: bool(behind.seq)), 10)
        assert not behind.was_judged_early
        head = one.sequencer.head
        assert head is not None
        assert head.records.live_orders.get((3 * MOST_ENTERED - 1).to_bytes(8)) is not None


async def test_a_bug_in_a_rule_refuses_that_request_only(caplog: pytest.LogCaptureFixture) -> None:
    async with bench() as one:
        await one.sequencer.opened()
        broken = Write("broken", 98, log=one.log)

        def fail() -> None:
            raise ZeroDivisionError

        broken.on_judge = fail
        one.sequencer.submit(broken)
        await one.settle()
        assert isinstance(broken.error, Refusal)
        assert "bug" in caplog.text
        one.write("a")
        await one.settle()
        one.disk.succeed()
        await one.settle()
        assert one.log[-1] == "a"


async def test_an_idle_head_can_be_unloaded_and_come_back() -> None:
    async with bench() as one:
        one.write("a")
        await one.settle()
        assert not one.sequencer.is_idle
        one.disk.succeed()
        await one.settle()
        assert one.sequencer.is_idle
        before = one.sequencer.head
        one.sequencer.unload()
        assert one.sequencer.head is None
        again = await one.sequencer.opened()
        assert before is not None
        assert again.state.root_hash == before.state.root_hash


async def test_a_refusal_does_not_overtake_an_answer_whose_commit_is_just_done() -> None:
    async with bench() as one:
        one.write("a")
        await one.settle()
        one.disk.succeed()
        # Done, but its callbacks have not run: they come in the next turn of the loop.
        one.write("no", is_refused=True)
        assert one.log == []
        await one.settle()
        assert one.log == ["a", "no: Refusal"]


async def test_a_head_that_makes_no_sense_refuses_what_waits_and_is_not_tried_in_a_hurry(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as one:
        opened = 0

        async def fail() -> ShopHead:
            nonlocal opened
            opened += 1
            raise ValueError("not an object")

        sequencer = Sequencer(ROW.row_id, one.disk, fail, one.events, utc_now)
        requests = [Write(name, 1, log=one.log) for name in "ab"]
        for request in requests:
            sequencer.submit(request)
        await asyncio.wait_for(sequencer.wait_idle(), 10)
        assert one.log == ["a: StoreError", "b: StoreError"]
        with pytest.raises(StoreError, match="not an object"):
            await sequencer.opened()
        assert opened == 2
        assert "not an object" in caplog.text


async def test_a_bug_while_entering_refuses_that_request_and_leaves_no_gap() -> None:
    async with bench() as one:
        one.write("a")
        await one.settle()
        broken = Write("broken", 97, log=one.log)

        judge = broken.judge

        def by_nobody(head: ShopHead, loop_work: Work | None = None) -> Accepted:
            (entry,) = judge(head, loop_work).entries
            return Accepted((msgspec.structs.replace(entry, signer=b""),))

        broken.judge = by_nobody  # type: ignore[method-assign]
        one.sequencer.submit(broken)
        after = one.write("b")
        await one.settle()
        # The head is read again, but not before what is under way is on disk.
        assert one.disk.reads == 1
        one.disk.succeed()
        await one.settle()
        one.disk.succeed()
        await one.settle()
        assert one.log == ["a", "broken: Refusal", "b"]
        assert after.seq == 2
        assert [stored.seq for stored in one.published] == [1, 2]


async def test_many_requests_leave_the_loop_its_turns() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        per_turn: list[int] = []
        judged = 0

        def count() -> None:
            nonlocal judged
            judged += 1

        requests = [Write(str(number), 1, is_refused=True, log=one.log) for number in range(200)]
        for request in requests:
            request.on_judge = count
            one.sequencer.submit(request)
        while judged < 200:
            await asyncio.sleep(0)
            per_turn.append(judged)
        assert len(set(per_turn)) > 3
        assert one.log == [f"{number}: Refusal" for number in range(200)]


async def test_what_comes_between_two_turns_keeps_its_place() -> None:
    async with bench() as one:
        await one.sequencer.opened()
        for number in range(60):
            one.sequencer.submit(Write(str(number), 1, is_refused=True, log=one.log))
        await asyncio.sleep(0)
        assert 0 < len(one.log) < 60
        one.write("last", is_refused=True)
        await one.sequencer.wait_idle()
        assert one.log == [f"{number}: Refusal" for number in [*range(60), "last"]]


async def test_a_head_answers_once_what_it_says_is_durable() -> None:
    async with bench() as one:
        one.write("a")
        await one.settle()
        asked = asyncio.create_task(one.sequencer.consult(lambda head: head.seq))
        await one.settle()
        assert not asked.done()
        one.disk.succeed()
        assert await asked == 1
        assert await one.sequencer.consult(lambda head: head.seq) == 1


async def test_what_the_head_said_of_a_state_that_was_not_stored_is_asked_again() -> None:
    async with bench() as one:
        one.write("a")
        await one.settle()
        answers: list[int] = []

        def ask(head: ShopHead) -> int:
            answers.append(head.seq)
            if head.seq:
                raise invalid("there is something")
            return head.seq

        asked = asyncio.create_task(one.sequencer.consult(ask))
        await one.settle()
        one.disk.fail()
        assert await asked == 0
        assert answers == [1, 0]
        one.write("b")
        await one.settle()
        refused = asyncio.create_task(one.sequencer.consult(ask))
        await one.settle()
        assert not refused.done()
        one.disk.succeed()
        with pytest.raises(Refusal, match="there is something"):
            await refused


async def test_cards_are_unlinked_after_the_answer() -> None:
    async with bench() as one:
        write = one.write("a")
        judge = write.judge

        def unlinking(head: ShopHead, loop_work: Work | None = None) -> Accepted:
            (entry,) = judge(head, loop_work).entries
            unlinked = msgspec.structs.replace(entry.applied, unlinked=(KEY.public_key,))
            return Accepted((msgspec.structs.replace(entry, applied=unlinked),))

        write.judge = unlinking  # type: ignore[method-assign]
        await one.settle()
        assert one.log == []
        one.disk.succeed()
        await one.settle()
        assert one.log == ["a", "unlinked 1"]


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  (the worker thread has no event to wait for)
        await asyncio.sleep(0.001)
