"""The subscriptions of one session: ids, how many, and that all they take is given back."""

import asyncio
from dataclasses import dataclass

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.envelope import Filter, SubscriptionRequest
from minirelay.protocol.objects import ObjectType
from minirelay.relay.memory_budget import Account
from minirelay.relay.messages import Subscribe
from minirelay.relay.session_subscriptions import MAX_ID, Prepared, SessionSubscriptions, size_of
from minirelay.relay.subscription import Subscription
from tests.limits import CONNECTION
from tests.raw_client import Line
from tests.relay.house import SHOP, House

REQUEST = SubscriptionRequest(SHOP.to_bytes(2), 0, (Filter(ObjectType.TAG, b"x" * 500),))


@dataclass
class Subscriber:
    """Subscriptions that belong to no session: nothing of them is ever sent."""

    house: House
    line: Line
    held: SessionSubscriptions
    account: Account

    async def subscribe(self) -> Subscription:
        return await self.house.relay.subscribe(Subscribe(1, None, REQUEST), self.line.connection)

    async def prepare(self) -> Prepared:
        return await self.held.prepare(REQUEST, self.subscribe)

    async def add(self) -> bytes:
        return self.held.add(await self.prepare())


def subscriber(house: House, line: Line, *, most: int = 32, last_id: int = 0) -> Subscriber:
    account = house.relay.memory.open(lambda _is_lingering: None)
    held = SessionSubscriptions(most, CONNECTION.filters, account, last_id=last_id)
    return Subscriber(house, line, held, account)


@pytest.fixture
async def line(house: House) -> Line:
    await house.enrol()
    return await house.line()


async def test_ids_begin_again_after_the_last_one(house: House, line: Line) -> None:
    one = subscriber(house, line, last_id=MAX_ID - 2)
    ids = [await one.add() for _ in range(4)]
    assert ids == [b"\xff\xfe", b"\xff\xff", b"\0\1", b"\0\2"]


async def test_an_id_that_is_held_is_passed_over(house: House, line: Line) -> None:
    one = subscriber(house, line)
    everything = SubscriptionRequest(SHOP.to_bytes(2))
    assert await one.add() == b"\0\1"
    prepared = await one.held.prepare(everything, one.subscribe)
    for number in range(2, MAX_ID + 1):
        subscription_id = one.held.add(prepared)
        assert subscription_id == number.to_bytes(2)
        one.held.drop(subscription_id)
    assert one.held.add(prepared) == b"\0\2"


async def test_those_that_are_prepared_count(house: House, line: Line) -> None:
    one = subscriber(house, line, most=2)
    await one.add()
    both = await asyncio.gather(one.prepare(), one.prepare(), return_exceptions=True)
    assert sum(isinstance(outcome, Prepared) for outcome in both) == 1
    (refusal,) = (outcome for outcome in both if isinstance(outcome, Refusal))
    assert refusal.code == Code.INVALID


async def test_all_that_is_taken_is_given_back(house: House, line: Line) -> None:
    one = subscriber(house, line)
    ids = [await one.add() for _ in range(3)]
    assert one.account.size_bytes == 3 * size_of(REQUEST)
    assert one.held.filters.taken_bytes == 3 * 500
    assert one.held.drop(ids[1])
    assert not one.held.drop(ids[1])
    assert len(one.held) == 2
    one.held.discard(await one.prepare())
    one.held.drop_all()
    assert (len(one.held), one.account.size_bytes, one.held.filters.taken_bytes) == (0, 0, 0)


async def test_a_subscription_that_fails_takes_nothing(house: House, line: Line) -> None:
    one = subscriber(house, line, most=1)

    async def fail() -> Subscription:
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await one.held.prepare(REQUEST, fail)
    assert (one.account.size_bytes, one.held.filters.taken_bytes) == (0, 0)
    await one.add()


async def test_a_subscription_is_canceled_once_by_its_id(house: House, line: Line) -> None:
    one = subscriber(house, line)
    subscription_id = await one.add()
    one.held.cancel(subscription_id)
    with pytest.raises(Refusal, match="no subscription with this id"):
        one.held.cancel(subscription_id)


@pytest.mark.parametrize("subscription_id", [b"", b"\1", b"\0\0\1"])
async def test_an_id_of_another_length_is_refused_as_that(
    house: House, line: Line, subscription_id: bytes
) -> None:
    one = subscriber(house, line)
    await one.add()
    with pytest.raises(Refusal, match=f"has 2 bytes, not {len(subscription_id)}") as refused:
        one.held.cancel(subscription_id)
    assert refused.value.code == Code.INVALID
