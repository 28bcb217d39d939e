"""Enrolling key cards behind the HTTP edge, where the registry has said yes: once ever, and in any order."""

import asyncio
import secrets
from pathlib import Path

import pytest

from minirelay.relay.enrolment import CardAlreadyEnrolled, FirstCardIsGuest, GuestCeilingReached
from minirelay.relay.messages import Enrolment
from tests.relay.house import SHOP, TIMEOUT_S, House, new_key, relay_limits, running_relay, until

OTHER_SHOP = 815


async def test_a_guest_as_the_first_card_is_refused_and_leaves_nothing(house: House) -> None:
    for _ in range(2):
        with pytest.raises(FirstCardIsGuest):
            await house.enrol(is_guest=True)
    assert not await house.relay.is_served(SHOP)
    assert not list(house.relay.shops)
    await house.enrol()
    await house.enrol(is_guest=True)
    assert await house.relay.is_served(SHOP)


async def test_a_guest_right_behind_the_first_clerk_finds_the_shop(house: House) -> None:
    async with house.disk_held():
        clerk = asyncio.create_task(house.enrol())
        await until(lambda: bool(list(house.relay.shops)))
        guest = asyncio.create_task(house.enrol(is_guest=True))
        await until(lambda: len(house.relay.cards.enrolling) == 2)
    await asyncio.wait_for(asyncio.gather(clerk, guest), TIMEOUT_S)


async def test_a_card_enrols_once_ever(house: House) -> None:
    key = await house.enrol()
    wallet = house.wallets[key.public_key]
    for shop_id, is_guest in ((SHOP, False), (SHOP, True), (OTHER_SHOP, False)):
        with pytest.raises(CardAlreadyEnrolled):
            await house.relay.cards.enrol(Enrolment(shop_id, wallet, key.public_key, is_guest))
    other = await house.clerk()
    await other.write(("remove", ("Accounts", wallet, "KeyCards", 0), None))
    with pytest.raises(CardAlreadyEnrolled):
        await house.relay.cards.enrol(Enrolment(SHOP, wallet, key.public_key, False))


@pytest.mark.parametrize("second_shop", [SHOP, OTHER_SHOP])
async def test_of_two_enrolments_of_one_card_at_once_one_succeeds(house: House, second_shop: int) -> None:
    await house.enrol()
    await house.enrol(shop_id=OTHER_SHOP)
    card, wallet = new_key().public_key, secrets.token_bytes(20)
    async with house.disk_held():
        both = [
            asyncio.ensure_future(house.relay.cards.enrol(Enrolment(shop_id, wallet, card, False)))
            for shop_id in (SHOP, second_shop)
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED, timeout=TIMEOUT_S)
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], CardAlreadyEnrolled)


async def test_two_first_cards_of_a_new_shop_at_once_make_one_shop(house: House) -> None:
    keys = await asyncio.gather(*(house.enrol() for _ in range(5)))
    clerk = await house.session(keys[0])
    await clerk.subscribe()
    sets = await clerk.sets_until(5)
    assert [one.seq for one in sets] == [1, 2, 3, 4, 5]
    assert [len(one.patches) for one in sets] == [2, 1, 1, 1, 1]


async def test_a_client_that_leaves_while_it_enrols_is_enrolled_once(house: House) -> None:
    await house.enrol()
    key = new_key()
    enrolment = Enrolment(SHOP, secrets.token_bytes(20), key.public_key, False)
    async with house.disk_held():
        asked = asyncio.ensure_future(house.relay.cards.enrol(enrolment))
        hosted = await house.relay.shops.find(SHOP)
        assert hosted is not None
        await until(lambda: not hosted.sequencer.is_idle)
        asked.cancel()
        with pytest.raises(CardAlreadyEnrolled):
            await house.relay.cards.enrol(enrolment)
    with pytest.raises(asyncio.CancelledError):
        await asked
    await hosted.sequencer.wait_idle()
    with pytest.raises(CardAlreadyEnrolled):
        await house.relay.cards.enrol(enrolment)
    await house.session(key)


async def test_guests_have_a_ceiling_and_clerks_have_not(tmp_path: Path) -> None:
    async with running_relay(tmp_path, relay_limits(guest_cards=2)) as house:
        await house.enrol()
        for _ in range(2):
            await house.enrol(is_guest=True)
        with pytest.raises(GuestCeilingReached):
            await house.enrol(is_guest=True)
        await house.enrol()
    async with running_relay(tmp_path, relay_limits(guest_cards=2)) as house:
        with pytest.raises(GuestCeilingReached):
            await house.enrol(is_guest=True)


async def test_a_card_is_looked_up_with_its_shop_in_use(house: House) -> None:
    key = await house.enrol()
    assert await house.relay.cards.find(new_key().public_key) is None
    card = await house.relay.cards.find(key.public_key)
    assert card is not None
    assert (card.public_key, card.is_guest, card.is_unlinked) == (key.public_key, False, False)
    assert house.relay.shops.by_row(card.shop) is not None
