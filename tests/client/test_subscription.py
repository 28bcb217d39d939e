import asyncio
from collections.abc import Sequence

import pytest

from minirelay.client import KnownRelays, RelayClient, Subscription
from minirelay.client.client import Options
from minirelay.client.errors import (
    ClientError,
    ConnectionLost,
    RegistryUnavailable,
    RelayRefused,
    UntrustedSigner,
    VerificationFailed,
)
from minirelay.client.patches import add_order, add_stock
from minirelay.client.received import Position, ReceivedSet
from minirelay.client.subscription import select
from minirelay.errors import Code
from minirelay.protocol.envelope import (
    Failure,
    Filter,
    SubscriptionCancelRequest,
    SubscriptionRequest,
    Success,
)
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.shop.access import Role
from tests.client.conftest import connected
from tests.client.logs import (
    CLERK,
    GUEST,
    RELAY,
    SHOP_ID,
    STRANGER,
    Log,
    account,
    add_listing,
    changed,
    new_shop,
)
from tests.client.scripted_relay import ScriptedRelay, Session, within


@pytest.mark.parametrize("object_type", ObjectType)
def test_a_type_alone_selects_all_of_it(object_type: ObjectType) -> None:
    assert select(object_type) == Filter(object_type, None)


@pytest.mark.parametrize("object_type", [ObjectType.LISTING, ObjectType.ORDER, ObjectType.INVENTORY])
def test_numbers_have_eight_bytes(object_type: ObjectType) -> None:
    assert select(object_type, 258) == Filter(object_type, b"\0\0\0\0\0\0\1\2")


def test_tags_go_by_name_and_accounts_by_address() -> None:
    assert select(ObjectType.TAG, "käse") == Filter(ObjectType.TAG, "käse".encode())
    assert select(ObjectType.ACCOUNT, b"\xaa" * 20) == Filter(ObjectType.ACCOUNT, b"\xaa" * 20)


@pytest.mark.parametrize(
    ("object_type", "object_id"),
    [
        (ObjectType.LISTING, "7"),
        (ObjectType.TAG, 7),
        (ObjectType.ACCOUNT, 7),
        (ObjectType.MANIFEST, 7),
        (ObjectType.ORDER, b"\0" * 8),
    ],
)
def test_an_id_of_the_wrong_kind_selects_nothing(
    object_type: ObjectType, object_id: int | str | bytes
) -> None:
    with pytest.raises(ValueError, match=f"names no {object_type.name.lower()}"):
        select(object_type, object_id)


FIRST = b"\0\1"


async def next_of(subscription: Subscription) -> ReceivedSet:
    return await within(anext(subscription))


async def read(
    session: Session, subscription: Subscription, sets: Sequence[SequencedPartialPatchSet]
) -> list[ReceivedSet]:
    """Let it subscribe, push these sets, and read them."""
    reading = asyncio.create_task(_read(subscription, len(sets)))
    await session.subscribe(FIRST, sets)
    return await within(reading)


async def _read(subscription: Subscription, count: int) -> list[ReceivedSet]:
    return [await anext(subscription) for _ in range(count)]


def a_log() -> Log:
    log = new_shop()
    log.add(CLERK, add_listing(1) + add_stock(1, 5))
    log.add(GUEST, add_order(7))
    return log


class TestVerifying:
    async def test_sets_come_with_signer_and_role(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            subscription = client.subscribe()
            received = await read(session, subscription, a_log().sets)
            assert subscription.checks_signers
            assert [one.seq for one in received] == [1, 2, 3, 4, 5]
            assert [one.signed_as for one in received] == [Role.RELAY] * 3 + [Role.CLERK, Role.GUEST]
            assert received[3].signer == CLERK.public_key
            assert subscription.position == Position(5, 0)

    async def failing(
        self, relay: ScriptedRelay, bad: SequencedPartialPatchSet, sets: Sequence[SequencedPartialPatchSet]
    ) -> VerificationFailed:
        async with connected(relay) as (client, session):
            subscription = client.subscribe()
            await read(session, subscription, sets)
            push = await session.push(FIRST, bad)
            with pytest.raises(VerificationFailed) as caught:
                await next_of(subscription)
            answer = await within(push)
            assert isinstance(answer, Failure)
            assert answer.code == Code.CLOSE_SUBSCRIPTION
            assert answer.message == caught.value.reason
            # For good: nothing is skipped over.
            with pytest.raises(VerificationFailed) as again:
                await next_of(subscription)
            assert again.value is caught.value
            assert client.is_connected
            return caught.value

    async def test_a_wrong_proof_ends_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        bad = log.add(CLERK, add_listing(2))
        failure = await self.failing(relay, changed(bad, proofs=log.set(4).proofs[:1]), log.sets[:5])
        assert failure.seq == 6

    async def test_another_patch_ends_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        bad = log.add(CLERK, add_listing(2))
        await self.failing(relay, changed(bad, patches=log.set(4).patches[:1]), log.sets[:5])

    async def test_another_signature_ends_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        bad = log.add(CLERK, add_listing(2))
        failure = await self.failing(relay, changed(bad, signature=log.set(4).signature), log.sets[:5])
        assert isinstance(failure, UntrustedSigner)

    async def test_a_strangers_set_ends_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        failure = await self.failing(relay, log.add(STRANGER, add_listing(2)), log.sets[:5])
        assert isinstance(failure, UntrustedSigner)
        assert failure.signer == STRANGER.public_key

    async def test_a_withheld_set_ends_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        log.add(CLERK, add_listing(2))
        last = log.add(CLERK, add_listing(3))
        failure = await self.failing(relay, last, log.sets[:5])
        assert failure.reason == "the relay withholds patch set 6"

    async def test_a_withheld_leaf_ends_it(self, relay: ScriptedRelay) -> None:
        log = a_log()
        log.add(CLERK, [one for number in range(2, 7) for one in add_listing(number)])
        failure = await self.failing(relay, log.set(6, (0, 1, 3, 4)), log.sets[:5])
        assert failure.reason == "the relay withholds leaf 2 of patch set 6"

    async def test_what_was_withheld_before_the_card_was_known_ends_it_then(
        self, relay: ScriptedRelay
    ) -> None:
        log = Log()
        log.verified += new_shop().verified[1:]  # without the set that enrols the clerk
        log.states += [log.states[0]] * 2
        late = log.add_inapplicable(RELAY, [account(b"\xcc" * 20, CLERK)])
        skipped = [changed(one, seq=one.seq + 1) for one in log.sets[:2]]
        failure = await self.failing(relay, changed(late, seq=4), skipped)
        assert failure.reason == "the relay withholds patch set 1"

    async def test_guests_and_visitors_get_what_they_may_see(self, relay: ScriptedRelay) -> None:
        log = a_log()
        log.add(CLERK, add_stock(1, 5) + add_listing(2))
        visible = [*log.sets[:3], log.set(4, (0,)), log.set(6, (1,))]
        async with connected(relay, key_card=None) as (client, session):
            received = await read(session, client.subscribe(), visible)
            assert [one.seq for one in received] == [1, 2, 3, 4, 6]
        async with connected(relay, key_card=GUEST) as (client, session):
            subscription = client.subscribe()
            await read(session, subscription, visible)
            assert not subscription.sees_everything

    async def test_a_clerk_who_subscribed_before_it_authenticated_is_a_visitor(
        self, relay: ScriptedRelay
    ) -> None:
        log = a_log()
        log.add(CLERK, add_listing(2))
        visible = [*log.sets[:3], log.set(4, (0,)), log.set(6)]
        options: Options = {"relay_signers": KnownRelays(RELAY.address)}
        async with RelayClient.connect(relay.url, shop_id=SHOP_ID, key_card=CLERK, **options) as client:
            session = await relay.accept()
            subscription = client.subscribe()
            received = await read(session, subscription, visible)
            assert [one.seq for one in received] == [1, 2, 3, 4, 6]
            assert not subscription.sees_everything

    async def test_a_chain_that_does_not_answer_loses_nothing(self, relay: ScriptedRelay) -> None:
        class Flaky:
            asked = 0

            async def is_relay(self, shop_id: int, address: bytes) -> bool:
                self.asked += 1
                if self.asked == 1:
                    raise RegistryUnavailable("not now")
                return address == RELAY.address

        async with connected(relay, options={"relay_signers": Flaky()}) as (client, session):
            subscription = client.subscribe()
            opening = asyncio.create_task(subscription.__aenter__())
            await session.subscribe(FIRST)
            await within(opening)
            push = await session.push(FIRST, *a_log().sets)
            with pytest.raises(RegistryUnavailable):
                await next_of(subscription)
            assert not push.done()
            received = await within(_read(subscription, 5))
            assert [one.seq for one in received] == [1, 2, 3, 4, 5]
            assert await within(push) == Success()


class TestWhetherSignersAreChecked:
    async def checks(self, relay: ScriptedRelay, **how: object) -> bool:
        async with connected(relay) as (client, _):
            return client.subscribe(**how).checks_signers  # type: ignore[arg-type]

    async def test_where_the_accounts_are_in_view_from_the_beginning(self, relay: ScriptedRelay) -> None:
        assert await self.checks(relay)
        assert await self.checks(relay, filters=[select(ObjectType.ACCOUNT), select(ObjectType.LISTING)])

    @pytest.mark.parametrize(
        "how",
        [
            {"start": 3},
            {"start": Position(3, 0)},
            {"filters": [select(ObjectType.LISTING)]},
            {"filters": [select(ObjectType.ACCOUNT, bytes(20))]},
            {"filters": [select(ObjectType.ACCOUNT)], "start": 3},
            {"check_signers": False},
        ],
        ids=str,
    )
    async def test_not_where_they_are_not(self, relay: ScriptedRelay, how: dict[str, object]) -> None:
        assert not await self.checks(relay, **how)

    async def test_a_known_state_stands_for_the_beginning(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            subscription = client.subscribe(3, known=log.states[3])
            received = await read(session, subscription, log.sets[3:])
            assert [one.signed_as for one in received] == [Role.CLERK, Role.GUEST]

    async def test_asking_for_what_can_not_be_is_an_error(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, _):
            for how in ({"start": 3}, {"filters": [select(ObjectType.LISTING)]}):
                with pytest.raises(ClientError, match="can't be checked"):
                    client.subscribe(check_signers=True, **how)

    async def test_nobody_is_trusted_by_default(self, relay: ScriptedRelay) -> None:
        async with RelayClient.connect(relay.url, shop_id=SHOP_ID) as client:
            await relay.accept()
            with pytest.raises(ClientError, match="say who the relay is"):
                client.subscribe()
            with pytest.raises(ClientError, match="say who the relay is"):
                await client.follow()

    async def test_unchecked_signers_are_recovered(self, relay: ScriptedRelay) -> None:
        log = new_shop()
        log.add(STRANGER, add_listing(1))
        async with connected(relay) as (client, session):
            subscription = client.subscribe(3)
            (received,) = await read(session, subscription, log.sets[3:])
            assert received.signer == STRANGER.public_key
            assert received.signed_as is None


class TestIterating:
    async def test_async_for_until_it_is_cancelled(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            subscription = client.subscribe()
            seen = []

            async def reading() -> None:
                async for received in subscription:
                    seen.append(received.seq)
                    if received.seq == 3:
                        await subscription.cancel()

            task = asyncio.create_task(reading())
            await session.subscribe(FIRST, log.sets)
            await session.answer((await session.expect(SubscriptionCancelRequest))[0])
            await within(task)
            assert seen == [1, 2, 3]

    async def test_a_block_subscribes_and_cancels(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):

            async def block() -> None:
                async with client.subscribe() as subscription:
                    await anext(subscription)

            task = asyncio.create_task(block())
            await session.subscribe(FIRST, a_log().sets)
            await session.answer((await session.expect(SubscriptionCancelRequest))[0])
            await within(task)

    async def test_a_block_raises_a_refusal_at_once(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            entering = asyncio.create_task(client.subscribe().__aenter__())
            await session.refuse((await session.expect(SubscriptionRequest))[0], Code.NOT_FOUND)
            with pytest.raises(RelayRefused):
                await within(entering)

    async def test_it_catches_up(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            subscription = client.subscribe()
            caught_up = asyncio.create_task(subscription.caught_up())
            await read(session, subscription, a_log().sets)
            await within(caught_up)
            assert subscription.unpushed == 0

    async def test_it_resumes_and_judges_on(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            subscription = client.subscribe()
            await read(session, subscription, log.sets)
            log.add(CLERK, add_listing(2))
            await session.drop()
            reading = asyncio.create_task(_read(subscription, 1))
            session = await relay.accept()
            await session.authenticate()
            request = await session.subscribe(FIRST, log.sets)
            assert request.start_shop_seq_no == 4
            (received,) = await within(reading)
            assert (received.seq, received.signed_as) == (6, Role.CLERK)

    async def test_it_does_not_resume_if_it_should_not(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            subscription = client.subscribe(resume=False)
            await read(session, subscription, a_log().sets)
            await session.drop()
            with pytest.raises(ConnectionLost):
                await next_of(subscription)

    async def test_filters_and_shop_are_asked_for(self, relay: ScriptedRelay) -> None:
        filters = [select(ObjectType.LISTING, 7), select(ObjectType.TAG, "mugs")]
        async with connected(relay) as (client, session):
            subscription = client.subscribe(9, filters=filters, shop_id=77)
            opening = asyncio.create_task(subscription.__aenter__())
            request = await session.subscribe(FIRST)
            await within(opening)
            assert request == SubscriptionRequest((77).to_bytes(32), 9, tuple(filters))


class TestUnverified:
    async def test_everything_is_handed_on_as_it_is(self, relay: ScriptedRelay) -> None:
        bad = changed(a_log().sets[0], patches=(b"nonsense",), proofs=(b"none",))
        async with connected(relay) as (client, session):
            subscription = client.subscribe_unverified()
            first = asyncio.create_task(anext(subscription))
            await session.subscribe(FIRST, [bad])
            assert await within(first) == bad

    async def test_it_resumes_without_a_repeat(self, relay: ScriptedRelay) -> None:
        log = a_log()
        async with connected(relay) as (client, session):
            subscription = client.subscribe_unverified()

            async def take(count: int) -> list[int]:
                return [(await anext(subscription)).seq for _ in range(count)]

            taking = asyncio.create_task(take(4))
            await session.subscribe(FIRST, log.sets[:4])
            assert await within(taking) == [1, 2, 3, 4]
            await session.drop()
            taking = asyncio.create_task(take(1))
            session = await relay.accept()
            await session.authenticate()
            await session.subscribe(FIRST, log.sets)
            assert await within(taking) == [5]

    async def test_it_ends_when_it_is_cancelled(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, _):
            subscription = client.subscribe_unverified()
            await subscription.cancel()
            assert [one async for one in subscription] == []
