"""Work is counted up to a bound, and by what it depends on: one row of the rules at a time."""

from collections.abc import Callable

import pytest

from minirelay.shop.draft import Draft
from minirelay.shop.state import ShopState
from minirelay.shop.work import CHANGE, LOOKUP, PATCH, Work, WorkExceeded
from tests.shop.patching import ACCOUNT, LISTING, ORDER, TAG, number, patch, shop

META = {"Title": "t", "Description": "d"}
WALLET = b"\x0a" * 20


def listing(**fields: object) -> dict[str, object]:
    return {"ID": 1, "Price": 1, "Metadata": META, "ViewState": 1, **fields}


def test_work_stops_just_beyond_its_bound() -> None:
    work = Work(10)
    work.spend(4)
    work.check(6)
    with pytest.raises(WorkExceeded):
        work.check(7)
    work.spend(6)
    assert work.spent == 10
    with pytest.raises(WorkExceeded):
        work.spend(1)


def test_a_replay_has_no_bound() -> None:
    work = Work()
    work.spend(10**12)
    work.check(10**12)


def test_an_entry_that_is_moved_costs_what_lies_behind_it() -> None:
    work = Work()
    work.move_entries(31)
    assert work.spent == 0
    work.move_entries(320)
    assert work.spent == 10


def spent(state: ShopState, *patches: object) -> int:
    """Apply patches of which each is sound; give the work."""
    work = Work()
    draft = Draft(state, work)
    for one in patches:
        draft.apply(one)  # type: ignore[arg-type]
    draft.finish()
    return work.spent


def with_items(count: int) -> ShopState:
    items = [{"ListingID": 1, "Quantity": 1}] * count
    return shop((LISTING, number(1), listing()), (ORDER, number(5), {"ID": 5, "State": 1, "Items": items}))


def with_tag(count: int) -> ShopState:
    return shop(
        (LISTING, number(1), listing()),
        (LISTING, number(2), listing()),
        (TAG, b"a", {"Name": "a", "ListingIDs": [1] * count}),
    )


def with_images(count: int) -> ShopState:
    return shop((LISTING, number(1), listing(Metadata={**META, "Images": ["i"] * count})))


def with_statuses(count: int) -> ShopState:
    return shop((LISTING, number(1), listing(StockStatuses=[{"InStock": True}] * count)))


def with_cards(count: int) -> ShopState:
    cards = [b"\x02" + card.to_bytes(32) for card in range(count)]
    return shop((ACCOUNT, WALLET, {"KeyCards": cards, "Guest": False}))


ITEM = {"ListingID": 1, "Quantity": 1}
STATUS = {"InStock": True}


@pytest.mark.parametrize(
    ("state", "one"),
    [
        (with_items, patch("add", "Orders", 5, "Items", 0, value=ITEM)),
        (with_items, patch("remove", "Orders", 5, "Items", 0)),
        (with_tag, patch("add", "Tags", "a", "ListingIDs", 0, value=1)),
        (with_tag, patch("remove", "Tags", "a", "ListingIDs", 0)),
        (with_images, patch("add", "Listings", 1, "Metadata", "Images", 0, value="i")),
        (with_images, patch("remove", "Listings", 1, "Metadata", "Images", 0)),
        (with_statuses, patch("add", "Listings", 1, "StockStatuses", 0, value=STATUS)),
        (with_statuses, patch("remove", "Listings", 1, "StockStatuses", 0)),
        (with_cards, patch("remove", "Accounts", WALLET, "KeyCards", 0)),
    ],
    ids=lambda value: "" if callable(value) else "-".join(map(str, (value.op, *value.fields))),
)
def test_what_moves_a_list_counts_each_time(state: Callable[[int], ShopState], one: object) -> None:
    large = state(3200)
    once, more = spent(large, one), spent(large, *[one] * 11)
    assert more - once >= 10 * (PATCH + 3000 // 32)
    assert once > spent(state(20), one)


@pytest.mark.parametrize(
    "one",
    [
        patch("replace", "Orders", 5, "Items", 0, "Quantity", value=3),
        patch("increment", "Orders", 5, "Items", 0, "Quantity", value=1),
        patch("replace", "Orders", 5, "State", value=1),
    ],
    ids=lambda one: "-".join(map(str, (one.op, *one.fields))),
)
def test_what_moves_nothing_costs_the_object_once(one: object) -> None:
    large = with_items(3200)
    assert spent(large, *[one] * 11) - spent(large, one) == 10 * PATCH


def test_a_patch_of_something_small_costs_little() -> None:
    state = shop((LISTING, number(1), listing()))
    cost = spent(state, patch("replace", "Listings", 1, "Price", value=2))
    assert PATCH + CHANGE + LOOKUP < cost < 2 * (PATCH + CHANGE)


def test_references_count() -> None:
    def cost(*listing_ids: int) -> int:
        return spent(with_tag(1), patch("replace", "Tags", "a", "ListingIDs", value=list(listing_ids)))

    assert cost(1, 2) == cost(1) + LOOKUP + 1
    # A list may be long because it says the same again and again: it is looked up once.
    assert cost(*[1] * 500) < cost(1) + 600


def test_listings_of_which_an_item_names_variations_count() -> None:
    options = {"o": {"Title": "t", "Variations": {f"v{i}": {"VariationInfo": META} for i in range(100)}}}
    state = shop(
        (LISTING, number(1), listing(Options=options)),
        (ORDER, number(5), {"ID": 5, "State": 1, "Items": []}),
    )
    plain = patch("append", "Orders", 5, "Items", value={**ITEM})
    named = patch("append", "Orders", 5, "Items", value={**ITEM, "VariationIDs": ["v1"]})
    size = len(state.get(LISTING, number(1)) or b"")
    assert spent(state, named) - spent(state, plain) > size


def test_the_manifest_counts_where_an_order_chooses() -> None:
    payees = {1: {place.to_bytes(20): {"CallAsContract": False} for place in range(1000)}}
    manifest = {
        "ShopID": 1,
        "Payees": payees,
        "AcceptedCurrencies": {},
        "PricingCurrency": {"ChainID": 1, "Address": bytes(20)},
    }
    state = shop((ORDER, number(5), {"ID": 5, "State": 1, "Items": []}), manifest=manifest)
    choice = {"Address": {"ChainID": 1, "Address": bytes(20)}, "CallAsContract": False}
    cost = spent(state, patch("replace", "Orders", 5, "ChosenPayee", value=choice))
    assert cost > len(state.manifest or b"") // 2 + 32 * 1000


def tagged(count: int, size: int) -> ShopState:
    tags = [(TAG, f"t{i}".encode(), {"Name": "t", "ListingIDs": [2] * size}) for i in range(count)]
    return shop((LISTING, number(1), listing()), (LISTING, number(2), listing()), *tags)


def test_a_search_for_tags_counts_each_tag_and_its_size() -> None:
    removal = patch("remove", "Listings", 1)
    none, many = spent(tagged(0, 0), removal), spent(tagged(100, 0), removal)
    assert many - none == 100 * 48
    assert spent(tagged(100, 640), removal) > many + 100 * 9


def test_tags_that_have_to_be_looked_into_count_as_what_they_hold() -> None:
    state = shop(
        (LISTING, number(1), listing()),
        (LISTING, number(2), listing()),
        (TAG, b"t", {"Name": "t", "ListingIDs": [257] * 1000}),  # holds the byte 1
    )
    cost = spent(state, patch("remove", "Listings", 1))
    assert cost > 2000


def test_counting_all_tags_counts_them() -> None:
    listings = [(LISTING, number(one), listing()) for one in range(1, 41)]
    tags = [(TAG, f"t{one}".encode(), {"Name": "t", "ListingIDs": [99] * 500}) for one in range(10)]
    removals = [patch("remove", "Listings", one) for one in range(1, 41)]
    work = Work()
    draft = Draft(shop(*listings, *tags), work)
    for one in removals[:16]:
        draft.apply(one)
    before = work.spent
    draft.apply(removals[16])
    assert work.spent - before > 10 * 500 * 2
    before = work.spent
    draft.apply(removals[17])
    assert work.spent - before < 500


def test_appending_to_a_tag_counts_its_listings_once() -> None:
    append, rename = (
        patch("append", "Tags", "a", "ListingIDs", value=2),
        patch("replace", "Tags", "a", "Name", value="b"),
    )
    assert spent(with_tag(1000), append) - spent(with_tag(1000), rename) > 1000
    whole = shop(
        *[(LISTING, number(one), listing()) for one in range(1, 30)],
        (TAG, b"a", {"Name": "a", "ListingIDs": [1] * 1000}),
    )
    appends = [patch("append", "Tags", "a", "ListingIDs", value=one) for one in range(2, 22)]
    assert spent(whole, *appends) < spent(whole, *appends[:1]) + 19 * (PATCH + LOOKUP + 10)


def test_tags_that_were_touched_before_count_in_each_search() -> None:
    state = shop(
        *[(LISTING, number(one), listing()) for one in (1, 2, 3)],
        (TAG, b"a", {"Name": "a", "ListingIDs": [3] * 40_000}),
    )
    rename = patch("replace", "Tags", "a", "Name", value="b")
    once = spent(state, rename, patch("remove", "Listings", 1))
    assert (
        spent(state, rename, patch("remove", "Listings", 1), patch("remove", "Listings", 2)) > once + 10_000
    )
