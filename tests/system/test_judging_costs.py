"""No patch set of 2 MiB makes much more work than a second, whatever the shop holds, and none holds the loop.

Work is counted; that the count says something about time is measured, with ten times the room: all of what is
here took at most 30 ms on the loop and 0.9 s beside it, on one of two busy cores.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from minirelay.errors import Refusal
from minirelay.protocol.cbor import Value
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, VerifiedPatchSet, open_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.protocol.sizes import MAX_PATCHES_PER_SET
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.sequencer import LOOP_WORK, THREAD_BYTES
from minirelay.relay.shop_head import ShopHead
from minirelay.shop import canonical
from minirelay.shop.access import Role
from minirelay.shop.objects import Account, Listing, Manifest, Order, Tag
from minirelay.shop.ownership import Author
from minirelay.shop.state import ShopState, id_key
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.messages import ShopRow
from tests.limits import WRITES
from tests.raw_client import Spec
from tests.relay.house import SHOP, House, listing, running_relay
from tests.relay.requests import judged

pytestmark = pytest.mark.alone

MIB = 2**20
MANY = MAX_PATCHES_PER_SET
MOST_WORK = WRITES.work
MOST_S = 10.0
MOST_LOOP_S = 0.5

KEY = PrivateKey.from_bytes(b"\x05" * 32)
CLERK = Author(Role.CLERK, 1)
META = {"Title": "t", "Description": "d"}
PLAIN = {"ID": 1, "Price": 1, "ViewState": 1, "Metadata": META}
ITEM: Value = {"ListingID": 1, "Quantity": 1}
APPEND: Spec = ("append", ("Orders", 5, "Items"), ITEM)
NATIVE = {"ChainID": 1, "Address": bytes(20)}
MANIFEST = {"ShopID": 1, "PricingCurrency": NATIVE, "AcceptedCurrencies": {}, "Payees": {}}
PAYEES: Any = {1: {place.to_bytes(20): {} for place in range(MIB // 38)}}
GUESTS = bytes(20)

Object = tuple[ObjectType, bytes, bytes]


def encoded(kind: Any, value: Any) -> bytes:
    return canonical.dump(canonical.read(kind, value))


def shop(*objects: Object, manifest: Any = MANIFEST) -> ShopState:
    state = ShopState.from_objects(
        [
            (ObjectType.MANIFEST, b"", encoded(Manifest, manifest)),
            (ObjectType.LISTING, id_key(1), encoded(Listing, PLAIN)),
            *objects,
        ]
    )
    _ = state.root_hash
    return state


def listings(count: int, **fields: Any) -> list[Object]:
    """Make equal listings, from number 2 on."""
    data = encoded(Listing, {**PLAIN, **fields})
    return [(ObjectType.LISTING, id_key(2 + number), data) for number in range(count)]


def order(items: int) -> Object:
    return ObjectType.ORDER, id_key(5), encoded(Order, {"ID": 5, "State": 1, "Items": [ITEM] * items})


def tags(count: int, size: int, listing_id: int = 1) -> list[Object]:
    data = encoded(Tag, {"Name": "t", "ListingIDs": [listing_id] * size})
    return [(ObjectType.TAG, f"t{number}".encode(), data) for number in range(count)]


def cards(count: int) -> Object:
    key_cards = [b"\x02" + number.to_bytes(32) for number in range(count)]
    return ObjectType.ACCOUNT, GUESTS, encoded(Account, {"Guest": True, "KeyCards": key_cards})


def options(count: int) -> dict[str, Any]:
    return {f"{number:x}": {"Title": "t"} for number in range(count)}


def variations(count: int) -> dict[str, Any]:
    inner = {f"{number:x}": {"VariationInfo": META} for number in range(count)}
    return {"o": {"Title": "t", "Variations": inner}}


def prices(count: int, among: int) -> list[Any]:
    return [("replace", ("Listings", 2 + number % among, "Price"), number) for number in range(count)]


QUANTITY = ("Orders", 5, "Items", 0, "Quantity")
CHOICE = {"Address": NATIVE, "CallAsContract": False}

HOSTILE: dict[str, tuple[Callable[[], ShopState], Callable[[], Sequence[Any]]]] = {
    "one quantity of 124,000": (lambda: shop(order(124_000)), lambda: [("replace", QUANTITY, 2)]),
    "quantities": (lambda: shop(order(2950)), lambda: [("increment", QUANTITY, 1)] * MANY),
    "items in front": (
        lambda: shop(order(2950)),
        lambda: [("add", ("Orders", 5, "Items", 0), ITEM)] * MANY,
    ),
    "items in front of 124,000": (
        lambda: shop(order(124_000)),
        lambda: [("add", ("Orders", 5, "Items", 0), ITEM)] * MANY,
    ),
    "listings in front of a million": (
        lambda: shop(*tags(1, MIB - 100)),
        lambda: [("add", ("Tags", "t0", "ListingIDs", 0), 1)] * MANY,
    ),
    "listings out of a million": (
        lambda: shop(*tags(1, MIB - 100)),
        lambda: [("remove", ("Tags", "t0", "ListingIDs", 0), None)] * MANY,
    ),
    "large tags": (
        lambda: shop(*tags(30, MIB - 100)),
        lambda: [("replace", ("Tags", f"t{number % 30}", "Name"), "b") for number in range(MANY)],
    ),
    "listings with options": (
        lambda: shop(*listings(30, Options=options(MIB // 17))),
        lambda: prices(MANY, 30),
    ),
    "listings with statuses": (
        lambda: shop(*listings(30, StockStatuses=[{"InStock": True}] * (MIB // 27))),
        lambda: prices(MANY, 30),
    ),
    "items with variations of many": (
        lambda: shop(order(1), *listings(30, Options=variations(MIB // 50))),
        lambda: [
            (
                "append",
                ("Orders", 5, "Items"),
                {"ListingID": 2 + number % 30, "Quantity": 1, "VariationIDs": ["1"]},
            )
            for number in range(MANY)
        ],
    ),
    "variations that come and go": (
        lambda: shop(*listings(1, Options=variations(MIB // 50))),
        lambda: (
            [
                ("add", ("Listings", 2, "Options", "o", "Variations", "zz"), {"VariationInfo": META}),
                ("remove", ("Listings", 2, "Options", "o", "Variations", "zz"), None),
            ]
            * (MANY // 2)
        ),
    ),
    "a removal among large tags": (
        lambda: shop(*listings(1), *tags(60, MIB // 3, 513)),  # whose bytes hold a 2
        lambda: [("remove", ("Listings", 2), None)],
    ),
    "removals among many tags": (
        lambda: shop(*listings(100), *tags(100_000, 1)),
        lambda: [("remove", ("Listings", 2 + number), None) for number in range(100)],
    ),
    "payees": (
        lambda: shop(manifest={**MANIFEST, "Payees": PAYEES}),
        lambda: [("replace", ("Manifest", "Payees", 1, bytes(20)), {})] * MANY,
    ),
    "a choice among many payees": (
        lambda: shop(order(1), manifest={**MANIFEST, "Payees": PAYEES}),
        lambda: [("replace", ("Orders", 5, "ChosenPayee"), CHOICE)],
    ),
    "beside large listings": (
        lambda: shop(*listings(60, Options=options(MIB // 17))),
        lambda: [("replace", ("Listings", 1, "Price"), 7)],
    ),
    "a tag of one listing again and again": (
        lambda: shop(*tags(1, 1)),
        lambda: [("replace", ("Tags", "t0", "ListingIDs"), [1] * 850_000)] * 2,
    ),
    "stock of variations": (
        lambda: shop(*listings(1, Options=variations(MIB // 50))),
        lambda: [("increment", ("Inventory", 2, f"{number:x}"), 1) for number in range(MANY)],
    ),
    "as many listings": (lambda: shop(*listings(MANY)), lambda: prices(MANY, MANY)),
    "as many new tags": (
        lambda: shop(),
        lambda: [
            ("add", ("Tags", f"{number:x}"), {"Name": "a", "ListingIDs": [1]}) for number in range(MANY)
        ],
    ),
    "key cards of 100,000 guests": (
        lambda: shop(cards(100_000)),
        lambda: [("remove", ("Accounts", GUESTS, "KeyCards", 0), None)] * MANY,
    ),
}


def sealed(patches: Sequence[Any]) -> VerifiedPatchSet:
    data = seal_patch_set(
        [NewPatch(*patch) for patch in patches],
        shop_id=1,
        key_card_nonce=1,
        timestamp=datetime(2025, 6, 1, tzinfo=UTC),
        key=KEY,
    )
    assert len(data) < 2 * MIB
    return open_patch_set(data)


def outcome(state: ShopState, patch_set: VerifiedPatchSet, most: int) -> tuple[str, float, Work]:
    """Judge with so much work at most; give what came of it, the CPU time, and the work."""
    head = ShopHead.start(0, ShopRow(1, 1, 0))
    head.state = state
    pending, work = PendingSets(head), Work(most)
    start = time.thread_time()
    try:
        pending.apply(CLERK, patch_set, work)
        result = "accepted"
    except Refusal:
        result = "refused"
    except WorkExceeded:
        result = "exceeded"
    return result, time.thread_time() - start, work


@pytest.mark.parametrize("name", HOSTILE)
def test_no_set_makes_more_work_than_it_may(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_state, make_patches = HOSTILE[name]
    state, patch_set = make_state(), sealed(make_patches())
    decoded: list[int] = []
    load = canonical.load

    def counting(kind: Any, data: bytes) -> Any:
        decoded.append(len(data))
        return load(kind, data)

    monkeypatch.setattr(canonical, "load", counting)
    on_loop, loop_s, _ = outcome(state, patch_set, LOOP_WORK)
    assert on_loop == "exceeded"
    # Accounts cost less a byte, so more of them is read.
    assert sum(decoded) <= LOOP_WORK * (32 if "key cards" in name else 1)
    if sum(len(patch.raw) for patch in patch_set.patches) < THREAD_BYTES:
        assert loop_s < MOST_LOOP_S
    decoded.clear()
    result, took_s, work = outcome(state, patch_set, MOST_WORK)
    assert result in ("accepted", "exceeded")
    assert work.spent < 1.2 * MOST_WORK
    assert sum(decoded) <= 2 * MOST_WORK
    assert took_s < MOST_S


def test_sets_that_are_large_but_not_hostile_are_accepted() -> None:
    described = {"Title": "A listing", "Description": "word " * 200, "Images": ["https://shop.example/i"] * 3}
    for state, patches in (
        (shop(*listings(MANY, Metadata=described)), prices(MANY, MANY)),
        (shop(*listings(1)), [("append", ("Listings", 2, "Metadata", "Images"), "i")] * MANY),
        (shop(*listings(1), *tags(1, 1)), [("add", ("Tags", "t0", "ListingIDs", 0), 2)] * MANY),
        (shop(*tags(200, 500), *listings(500)), [("remove", ("Listings", 2 + n), None) for n in range(500)]),
    ):
        assert outcome(state, sealed(patches), MOST_WORK)[0] == "accepted"


def test_an_ordinary_write_is_far_from_leaving_the_loop() -> None:
    described = {
        "Title": "A listing",
        "Description": "word " * 400,
        "Images": ["https://shop.example/i"] * 10,
    }
    state = shop(*listings(100, Metadata=described), order(20))
    for patch in (prices(1, 1)[0], ("increment", QUANTITY, 1)):
        result, _, work = outcome(state, sealed([patch]), LOOP_WORK)
        assert (result, work.spent < LOOP_WORK // 20) == ("accepted", True)


# -- an order that had grown before orders had a limit


async def grow_as_before_the_limits(house: House, key: PrivateKey) -> None:
    """Write an order of 120,000 items, as a relay without limits let a client do."""
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    head = await hosted.sequencer.opened()
    card = head.cards[key.public_key]
    creation: Spec = ("add", ("Orders", 5), {"ID": 5, "State": 1, "Items": [ITEM] * 30_000})
    for nonce, patches in enumerate([[creation], *[[APPEND] * 15_000] * 6], start=2):
        data = seal_patch_set(
            [NewPatch(*patch) for patch in patches],
            shop_id=SHOP,
            key_card_nonce=nonce,
            timestamp=datetime.now(UTC),
            key=key,
        )
        accepted = judged(head, Author(Role.CLERK, card.row_id), open_patch_set(data))
        await house.store.writer.commit(head.append(accepted))


async def test_a_giant_order_is_never_decoded_on_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    load = canonical.load

    def noting(kind: Any, data: bytes) -> Any:
        if len(data) > LOOP_WORK:
            threads.append(threading.current_thread() is threading.main_thread())
        return load(kind, data)

    async with running_relay(tmp_path) as house:
        clerk, other = await house.clerk(), await house.clerk()
        await clerk.write(listing(1))
        assert clerk.key is not None
        await grow_as_before_the_limits(house, clerk.key)
        clerk.nonce = 100
        monkeypatch.setattr(canonical, "load", noting)
        attack: Spec = ("replace", ("Orders", 5, "Items", 0, "Quantity"), 2)
        answers = [await clerk.start_write(attack) for _ in range(3)]
        await other.write(listing(2))
        for answer in answers:
            await answer
        await clerk.write(("remove", ("Orders", 5, "Items", 0), None))
        with pytest.raises(Exception, match="65536"):
            await clerk.write(APPEND)
    assert threads
    assert not any(threads)
