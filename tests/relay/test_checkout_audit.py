"""`tests/system/test_tampering.py` tampers with every column."""

from pathlib import Path

import pytest

from minirelay.protocol.cbor import Value
from minirelay.relay.audit import Difference
from tests.relay.checkout_specs import choose_payment, commit_order, open_shop
from tests.relay.house import SHOP, running_relay
from tests.relay.selling import CAP, Selling, known_facts, write
from tests.relay.test_audit import audited, tamper
from tests.relay.test_own_write import settle
from tests.shop.checkouts import buy, item
from tests.shop.patching import OTHER_PAYEE


async def test_checkout_that_is_stored_as_the_log_says_is_sound(tmp_path: Path) -> None:
    async with running_relay(tmp_path, facts=known_facts()) as house:
        clerk, guest = await house.clerk(), await house.guest()
        await clerk.write(*open_shop(1, 2))
        await guest.write(*commit_order(5, l1=2, l2=1))
        await guest.write(*choose_payment(5))
        await guest.write(*choose_payment(5))
        await guest.write(*choose_payment(5, OTHER_PAYEE))
        country: Value = "NZ"
        await guest.write(("replace", ("Orders", 5, "ShippingAddress", "Country"), country))
        hosted = await house.relay.shops.find(SHOP)
        assert hosted is not None
        requests = (await hosted.sequencer.opened()).records.requests.of_order((5).to_bytes(8))
        assert [one.state.value for one in requests] == ["superseded", "superseded", "waiting"]
        await audited(tmp_path)
        await guest.write(*commit_order(6, l1=2))
        await guest.write(*commit_order(7, l1=3), ("replace", ("Orders", 7, "State"), 1))
        await clerk.write(("remove", ("Manifest", "Payees", 1337, OTHER_PAYEE), None))
        await clerk.write(("remove", ("Listings", 2), None))
        await audited(tmp_path)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE payment_request SET state = 'waiting' WHERE state = 'paid'", "is paid, but none of its"),
        ("UPDATE payment_request SET state = 'paid' WHERE state = 'waiting'", "its order is not paid"),
        ("UPDATE payment_request SET state = 'duplicate' WHERE state = 'waiting'", "its order is not paid"),
    ],
)
async def test_what_is_said_to_be_paid_is_compared_with_the_orders(
    tmp_path: Path, statement: str, words: str
) -> None:
    async with running_relay(tmp_path, facts=known_facts()) as house:
        await Selling.start(house)
        guest = await house.guest()
        for order in (5, 6):
            await write(guest, buy(order, item(CAP)))
        await house.relay.write_own(SHOP, settle(5))
        await audited(tmp_path)
    tamper(tmp_path, statement)
    with pytest.raises(Difference, match=words):
        await audited(tmp_path)
