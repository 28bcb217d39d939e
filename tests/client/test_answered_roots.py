import asyncio
from collections.abc import Callable

import pytest

from minirelay.client import Follower, RelayClient
from minirelay.client.answered_roots import MOST_WRITES, AnsweredRoots
from minirelay.client.errors import VerificationFailed
from minirelay.client.patches import add_order, add_stock, add_tag, set_price
from minirelay.errors import Code
from minirelay.protocol.envelope import PatchSetWriteRequest
from minirelay.protocol.patch_set import NewPatch, open_patch_set
from tests.client.conftest import connected
from tests.client.logs import OTHER_CLERK, RELAY, Log, account, add_listing, new_shop
from tests.client.scripted_relay import ScriptedRelay, Session, within

FIRST = b"\0\1"
OURS, RELAYS, OTHER = b"\1" * 32, b"\2" * 32, b"\3" * 32


def root(value: bytes | None) -> Callable[[], bytes | None]:
    return lambda: value


def roots_of_a_write(*, is_followed_up: bool = True) -> AnsweredRoots:
    """A write whose set came by with `OURS`, and one of the relay's with `RELAYS`."""
    roots = AnsweredRoots()
    roots.sent(7)
    roots.applied_own(3, 7, root(OURS))
    roots.applied_relays(root(RELAYS))
    if is_followed_up:
        roots.applied_another()
    return roots


@pytest.mark.parametrize("answer", [OURS, RELAYS])
def test_the_root_after_the_set_or_what_the_relay_added_is_right(answer: bytes) -> None:
    roots_of_a_write().answered(7, answer)


def test_another_root_is_a_fault_when_the_answer_comes_last() -> None:
    with pytest.raises(VerificationFailed, match=r"patch set 3: .*follow again from 0"):
        roots_of_a_write().answered(7, OTHER)


def test_another_root_is_a_fault_when_the_next_set_comes_last() -> None:
    roots = roots_of_a_write(is_followed_up=False)
    roots.answered(7, OTHER)
    with pytest.raises(VerificationFailed):
        roots.applied_another()


def test_the_next_write_of_ones_own_is_the_next_set_too() -> None:
    roots = roots_of_a_write(is_followed_up=False)
    roots.answered(7, OTHER)
    with pytest.raises(VerificationFailed):
        roots.applied_own(5, 8, root(OURS))


def test_as_long_as_the_relay_may_add_something_nothing_is_said() -> None:
    roots = roots_of_a_write(is_followed_up=False)
    roots.answered(7, OTHER)
    roots.applied_relays(root(OTHER))
    roots.applied_another()


def test_a_root_that_cant_be_known_proves_nothing() -> None:
    roots = AnsweredRoots()
    roots.sent(7)
    roots.applied_own(3, 7, root(None))
    roots.applied_another()
    roots.answered(7, OTHER)


def test_a_refused_write_and_one_of_another_program_are_not_compared() -> None:
    roots = roots_of_a_write()
    roots.unanswered(7)
    roots.answered(7, OTHER)
    asked: list[int] = []
    roots.applied_own(9, 8, lambda: asked.append(1) or OURS)  # type: ignore[func-returns-value]
    assert not asked


def test_no_more_writes_are_remembered_than_a_bound() -> None:
    roots = AnsweredRoots()
    for nonce in range(1, MOST_WRITES + 2):
        roots.sent(nonce)
        roots.applied_own(nonce, nonce, root(OURS))
    roots.answered(1, OTHER)
    with pytest.raises(VerificationFailed):
        roots.answered(2, OTHER)


class TestFollowing:
    """A clerk writes and follows; the relay's answers are the tests'."""

    async def begin(self, client: RelayClient, session: Session, log: Log) -> Follower:
        following = asyncio.create_task(client.follow())
        await session.subscribe(FIRST, log.sets)
        follower = await within(following)
        await within(follower.wait_until(len(log.verified)))
        return follower

    async def write(
        self, client: RelayClient, session: Session, patches: list[NewPatch]
    ) -> tuple["asyncio.Task[bytes]", int, bytes]:
        writing = asyncio.create_task(client.write(patches))
        request_id, request = await session.expect(PatchSetWriteRequest)
        return writing, request_id, request.patch_set

    def a_shop(self) -> Log:
        log = new_shop()
        log.add(OTHER_CLERK, add_listing(1) + add_stock(1, 5))
        return log

    async def test_right_answers_go_through(self, relay: ScriptedRelay) -> None:
        log = self.a_shop()
        async with connected(relay) as (client, session):
            follower = await self.begin(client, session, log)
            for price in (1, 2):
                writing, request_id, sealed = await self.write(client, session, set_price(1, price))
                log.take(open_patch_set(sealed))
                await session.push(FIRST, log.set(len(log.verified)))
                await session.push(FIRST, log.add(RELAY, [account(bytes([price]) * 20)]))
                await session.answer(request_id, log.state.root_hash)
                await follower.wait_for_root(await within(writing))
            await session.push(FIRST, log.add(OTHER_CLERK, add_tag("mugs", [1])))
            await within(follower.wait_until(len(log.verified)))
            assert follower.failure is None

    @pytest.mark.parametrize("is_answered_first", [True, False])
    async def test_a_relay_whose_shop_is_another_is_found_out(
        self, relay: ScriptedRelay, is_answered_first: bool
    ) -> None:
        log = self.a_shop()
        async with connected(relay) as (client, session):
            follower = await self.begin(client, session, log)
            writing, request_id, sealed = await self.write(client, session, set_price(1, 9))
            log.take(open_patch_set(sealed))
            own = len(log.verified)
            await session.push(FIRST, log.set(own))
            if is_answered_first:
                await session.answer(request_id, bytes(32))
                root_hash = await within(writing)
                waiting = asyncio.create_task(follower.wait_for_root(root_hash))
            await session.push(FIRST, log.add(OTHER_CLERK, add_tag("mugs", [1])))
            if not is_answered_first:
                await within(follower.wait_until(own + 1))
                waiting = asyncio.create_task(follower.wait_until(own + 9))
                await session.answer(request_id, bytes(32))
                await within(writing)
            with pytest.raises(VerificationFailed, match=f"patch set {own}: .*restored from a backup"):
                await within(waiting)
            assert isinstance(follower.failure, VerificationFailed)
            with pytest.raises(VerificationFailed):
                await within(follower.run())

    async def test_a_refused_write_is_no_fault(self, relay: ScriptedRelay) -> None:
        log = self.a_shop()
        async with connected(relay) as (client, session):
            follower = await self.begin(client, session, log)
            writing, request_id, _ = await self.write(client, session, add_order(7))
            await session.refuse(request_id, Code.INVALID)
            await asyncio.wait([writing])
            assert writing.exception() is not None
            await session.push(FIRST, log.add(OTHER_CLERK, add_tag("mugs", [1])))
            await within(follower.wait_until(len(log.verified)))
            assert follower.failure is None

    async def test_garbage_may_be_written_beside_a_follower(self, relay: ScriptedRelay) -> None:
        log = self.a_shop()
        async with connected(relay) as (client, session):
            follower = await self.begin(client, session, log)
            writing = asyncio.create_task(client.write_sealed(b"garbage"))
            request_id, _ = await session.expect(PatchSetWriteRequest)
            await session.answer(request_id, bytes(32))
            assert await within(writing) == bytes(32)
            assert follower.failure is None
