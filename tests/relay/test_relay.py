"""The relay as clients see it, over a real WebSocket and a real database (spec 01, 02, 05)."""

import asyncio
from pathlib import Path

import pytest

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.patch_set import decode_patch
from minirelay.relay.enrolment import CardAlreadyEnrolled, FirstCardIsGuest, GuestCeilingReached
from minirelay.relay.messages import Enrolment
from minirelay.relay.relay import RelayLimits
from tests.relay.house import SHOP, House, Refused, listing, new_key, order, running_relay


async def test_a_new_shop_begins_with_manifest_and_account(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        key = await house.enrol()
        clerk = await house.session(key)
        await clerk.subscribe()
        (first,) = await clerk.sets_until(1)
        manifest, account = (decode_patch(patch) for patch in first.patches)
        assert manifest.path == ("Manifest",)
        assert manifest.value == {
            "ShopID": SHOP,
            "Payees": {},
            "AcceptedCurrencies": {},
            "PricingCurrency": {"ChainID": 31337, "Address": bytes(20)},
            "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
        }
        assert (account.op, account.path[0]) == ("add", "Accounts")
        assert account.value == {"KeyCards": [key.public_key], "Guest": False}


async def test_a_write_is_answered_with_the_root_and_pushed(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        reader = await house.visitor()
        await reader.subscribe()
        root = await clerk.write(listing(1))
        assert len(root) == 32
        sets = await reader.sets_until(2)
        assert [one.seq for one in sets] == [1, 2]
