"""What ends or wedges another relay, sent through the wire: here it is answered, and everybody goes on.

Each of these leaves the session that sent it in order (or closes it, where spec 01 says so), another
session of the same shop able to write, and a shop that opens again with the same root.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import cbor2
import pytest

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol import mmr
from minirelay.protocol.cbor import Value, encode
from minirelay.protocol.patch_set import Op, join_patch_set
from minirelay.relay.messages import own_fault
from tests.raw_client import Refused, Spec, Talker
from tests.relay.house import House, listing, order, running_relay

ADDRESS: dict[str | int | bytes, Value] = {
    "Name": "n",
    "Address1": "a",
    "City": "c",
    "PostalCode": "p",
    "Country": "x",
    "EmailAddress": "a@b.cd",
}
OPTION: Value = {
    "Title": "Size",
    "Variations": {"s": {"VariationInfo": {"Title": "S", "Description": "small"}}},
}
REGION: Value = {"Country": "DE", "PostalCode": "", "City": ""}


@dataclass
class Pair:
    """Two clerks of one shop."""

    house: House
    attacker: Talker
    bystander: Talker
    number: int = 1000

    async def go_on(self) -> bytes:
        """Write with both, one after the other; give the root."""
        for clerk in (self.attacker, self.bystander):
            self.number += 1
            root = await clerk.write(listing(self.number))
        return root

    async def refused(self, *patches: Spec) -> Refused:
        """Write what must be refused, and not because of a bug."""
        with pytest.raises(Refused) as refused:
            await self.attacker.write(*patches)
        assert refused.value.message != own_fault().message
        await self.go_on()
        return refused.value

    async def refused_raw(self, op: str, path: Sequence[str | int], value: object) -> Refused:
        """Write what must be refused, though our own encoder would not write it."""
        patch = cbor2.dumps({"Op": op, "Path": list(path), "Value": value})
        key, shop_id = self.attacker.key, self.attacker.shop_id
        assert key is not None
        self.attacker.nonce += 1
        header = encode(
            {
                "KeyCardNonce": self.attacker.nonce,
                "ShopID": shop_id,
                "Timestamp": datetime.now(UTC),
                "RootHash": mmr.root([patch]),
            }
        )
        with pytest.raises(Refused) as refused:
            await self.attacker.write_sealed(join_patch_set(header, key.sign(header), [patch]))
        assert refused.value.message != own_fault().message
        await self.go_on()
        return refused.value


@asynccontextmanager
async def pair(directory: Path) -> AsyncIterator[Pair]:
    """Run a shop with a listing and an order; afterwards it must open again just as it was."""
    async with running_relay(directory) as house:
        keys = [await house.enrol() for _ in range(2)]
        both = Pair(house, await house.session(keys[0]), await house.session(keys[1]))
        await both.attacker.write(
            listing(1), order(1), ("add", ("Tags", "t"), {"Name": "t", "ListingIDs": [1]})
        )
        yield both
        hosted = await house.relay.shops.find(both.attacker.shop_id)
        assert hosted is not None
        root = (await hosted.sequencer.opened()).state.root_hash
    async with running_relay(directory) as house:
        hosted = await house.relay.shops.find(both.attacker.shop_id)
        assert hosted is not None
        assert (await hosted.sequencer.opened()).state.root_hash == root


@pytest.mark.parametrize("table", ["Listings", "Orders"])
@pytest.mark.parametrize("value", [{}, None, "x", [1], {"ID": 1}])
async def test_appending_to_a_whole_object(tmp_path: Path, table: str, value: Value) -> None:
    async with pair(tmp_path) as both:
        for number in (1, 99):
            refused = await both.refused(("append", (table, number), value))
            assert refused.code in (Code.INVALID, Code.NOT_FOUND)


async def test_the_first_option_where_there_was_none(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        refused = await both.refused(("replace", ("Listings", 1, "Options", "size", "Title"), "Size"))
        assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 1)
        await both.attacker.write(("add", ("Listings", 1, "Options", "size"), OPTION))
        await both.attacker.write(("replace", ("Listings", 1, "Options", "size", "Title"), "Measure"))
        await both.attacker.write(listing(2))
        await both.attacker.write(("replace", ("Listings", 2, "Options", "size"), OPTION))
        await both.go_on()


async def test_the_first_shipping_region_where_there_was_none(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        await both.attacker.write(("remove", ("Manifest", "ShippingRegions", "default"), None))
        assert (
            await both.refused(("remove", ("Manifest", "ShippingRegions", "default"), None))
        ).code == Code.INVALID
        refused = await both.refused(("replace", ("Manifest", "ShippingRegions", "de"), REGION))
        assert refused.code == Code.NOT_FOUND
        await both.attacker.write(("add", ("Manifest", "ShippingRegions", "de"), REGION))
        await both.go_on()


async def test_a_refused_set_with_a_commit_and_then_the_next(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        item: Value = {"ListingID": 1, "Quantity": 2}
        await both.attacker.write(("add", ("Inventory", 1), 5), ("append", ("Orders", 1, "Items"), item))
        commit: Spec = ("replace", ("Orders", 1, "State"), 3)
        refused = await both.refused(commit, ("remove", ("Listings", 77), None))
        assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 77)
        # Nothing of it is left: the order is open, its items can change, its stock can go.
        await both.attacker.write(("replace", ("Orders", 1, "Items", 0, "Quantity"), 5))
        await both.bystander.write(("decrement", ("Inventory", 1), 5))
        await both.go_on()


async def test_an_option_added_and_removed_in_one_set(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        before = await both.go_on()
        at = ("Listings", 1, "Options", "size")
        root = await both.attacker.write(("add", at, OPTION), ("remove", at, None))
        assert root == before
        variation: Value = {"VariationInfo": {"Title": "L", "Description": "large"}}
        await both.attacker.write(
            ("add", at, OPTION),
            ("add", (*at, "Variations", "l"), variation),
            ("remove", (*at, "Variations", "l"), None),
            ("remove", (*at, "Variations", "s"), None),
            ("remove", at, None),
        )
        await both.go_on()


@pytest.mark.parametrize("name", ["a\0b", "\0", "\0\0", "é\0", "a|b", "'; DROP TABLE shop; --", "\U0010ffff"])
async def test_odd_names_of_tags(tmp_path: Path, name: str) -> None:
    async with pair(tmp_path) as both:
        await both.attacker.write(("add", ("Tags", name), {"Name": name, "ListingIDs": [1]}))
        await both.attacker.write(("remove", ("Tags", name, "ListingIDs", 0), None))
        await both.attacker.subscribe(0, wire.Filter(2, name.encode()))
        pushed = [one.seq for one in await both.attacker.sets_until(5)]
        assert pushed == [4, 5]
        await both.attacker.cancel(b"\0\1")
        await both.go_on()
        await both.attacker.write(("remove", ("Tags", name), None))


@pytest.mark.parametrize("nonce", [2**63 - 1, 2**63, 2**64 - 2])
async def test_nonces_beyond_what_sqlite_calls_an_integer(tmp_path: Path, nonce: int) -> None:
    async with pair(tmp_path) as both:
        await both.attacker.write_sealed(both.attacker.seal(listing(2), nonce=nonce))
        with pytest.raises(Refused, match="re-use") as refused:
            await both.attacker.write_sealed(both.attacker.seal(listing(3), nonce=nonce))
        assert refused.value.code == Code.INVALID
        await both.attacker.write_sealed(both.attacker.seal(listing(3), nonce=nonce + 1))
        await both.bystander.write(listing(4))


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("",),
        ("Listings",),
        ("Orders",),
        ("Tags", ""),
        ("Manifest", ""),
        (1,),
        (b"Listings", 1),
        ("Listings", 0),
        ("Listings", "1"),
        ("Accounts", b""),
        ("Orders", 1, ""),
        ("Inventory", 1, ""),
        ("Orders", 1, "Items", "0", "Quantity"),
        ("Orders", 1, *["Items"] * 100),
    ],
)
async def test_odd_paths(tmp_path: Path, path: tuple[str | int | bytes, ...]) -> None:
    async with pair(tmp_path) as both:
        for op in get_args(Op):
            refused = await both.refused((op, path, 1))
            assert refused.code in (Code.INVALID, Code.NOT_FOUND)


async def test_a_response_to_a_request_that_was_never_made(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        for request_id in (5, -5, -1000):
            victim = await both.house.visitor()
            await victim.send(wire.encode_envelope(request_id, wire.Failure(9, "what")))
            assert await victim.end() in (1002, 1008)
        await both.go_on()


async def test_an_error_response_to_a_push(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        for code in (0, 1, 11, 2**31 - 1):
            both.attacker.acknowledges = False
            await both.attacker.subscribe()
            await both.attacker.next_push()
            while both.attacker.unacknowledged:
                push = both.attacker.unacknowledged.popleft()
                await both.attacker.send(wire.encode_envelope(push, wire.Failure(code, "")))
            both.attacker.acknowledges = True
            await both.go_on()


QUANTITY_END, STOCK_END = 2**32 - 1, 2**64 - 1


async def test_quantities_at_the_ends_of_their_range(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        at = ("Orders", 1, "Items", 0, "Quantity")
        await both.attacker.write(
            ("append", ("Orders", 1, "Items"), {"ListingID": 1, "Quantity": QUANTITY_END})
        )
        for op, value in (
            ("increment", 1),
            ("increment", QUANTITY_END),
            ("increment", 2**64),
            ("decrement", 2**32),
        ):
            assert (await both.refused_raw(op, at, value)).code == Code.INVALID
        for odd in (2**32, 2**63, 2**64, 2**256, -1, 0.5, None):
            assert (await both.refused_raw("replace", at, odd)).code == Code.INVALID
        await both.attacker.write(("decrement", at, QUANTITY_END))
        assert (await both.refused(("decrement", at, 1))).code == Code.INVALID
        await both.attacker.write(("increment", at, 0), ("increment", at, QUANTITY_END))


async def test_stock_at_the_ends_of_its_range(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        at = ("Inventory", 1)
        for value in (2**64, 2**256, -1, 0.5, "1", b"1"):
            assert (await both.refused_raw("add", at, value)).code == Code.INVALID
        await both.attacker.write(("add", at, STOCK_END))
        for value in (1, STOCK_END, 2**64):
            assert (await both.refused(("increment", at, value))).code == Code.INVALID
        await both.attacker.write(("decrement", at, STOCK_END))
        refused = await both.refused(("decrement", at, 1))
        assert (refused.code, refused.object_id) == (Code.OUT_OF_STOCK, 1)
        await both.attacker.write(("increment", at, STOCK_END))
        await both.attacker.write(("replace", at, 0), ("replace", at, STOCK_END))


@pytest.mark.parametrize("field", [*ADDRESS, "Address2", "PhoneNumber", "Nothing"])
@pytest.mark.parametrize("which", ["InvoiceAddress", "ShippingAddress"])
async def test_removing_one_field_of_an_address(tmp_path: Path, which: str, field: str) -> None:
    async with pair(tmp_path) as both:
        assert (await both.refused(("remove", ("Orders", 1, which, field), None))).code == Code.INVALID
        await both.attacker.write(("add", ("Orders", 1, which), ADDRESS))
        assert (await both.refused(("remove", ("Orders", 1, which, field), None))).code == Code.INVALID
        await both.attacker.write(("replace", ("Orders", 1, which, "Name"), "m"))
        await both.attacker.write(("remove", ("Orders", 1, which), None))


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff" * 1000,
        b"\x9f" * 5000,
        b"\xbf" * 5000,
        b"\xc1" * 5000,
        b"\x5f" * 5000,
        b"\xbb" + b"\xff" * 8,
        b"\x9b" + b"\xff" * 8,
        encode({"Header": {}, "Signature": bytes(65), "Patches": []}),
        encode({"Header": None, "Signature": None, "Patches": None}),
        encode({"Patches": [{"Op": "add", "Path": [], "Value": [[[[]]]]}] * 50}),
    ],
)
async def test_garbage_for_a_patch_set(tmp_path: Path, garbage: bytes) -> None:
    async with pair(tmp_path) as both:
        with pytest.raises(Refused) as refused:
            await both.attacker.write_sealed(garbage)
        assert refused.value.code == Code.INVALID
        assert refused.value.message != own_fault().message
        await both.go_on()


async def test_a_hundred_thousand_bytes_in_every_place_for_text(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        long = "x" * 100_000
        accepted: list[Spec] = [
            ("add", ("Tags", long), {"Name": long}),
            ("replace", ("Listings", 1, "Metadata", "Title"), long),
            ("add", ("Listings", 1, "Options", long), OPTION),
        ]
        refused: list[Spec] = [
            ("replace", ("Listings", 1, long), long),
            ("remove", ("Tags", long + "x"), None),
            ("add", ("Orders", 1, long), long),
        ]
        for patch in accepted:
            await both.attacker.write(patch)
        for patch in refused:
            await both.refused(patch)
        await both.go_on()
