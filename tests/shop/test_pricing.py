from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import Code, Refusal
from minirelay.shop.canonical import read
from minirelay.shop.draft import Draft
from minirelay.shop.objects import AddressDetails, Order, PriceModifier, ShippingRegion
from minirelay.shop.pricing import MOST_BITS_ON_THE_WAY, apply_modifier, price_order
from minirelay.shop.quote import Rate, convert
from minirelay.shop.regions import match_region
from minirelay.shop.work import Work, WorkExceeded
from tests.shop import second_pricing
from tests.shop.patching import LISTING, MANIFEST_VALUE, number, shop
from tests.shop.random_objects import PRICE_MODIFIER, UINT32
from tests.shop.second_pricing import NoRegion, NotSold, Outcome, TooMuch

INFO = {"Title": "x", "Description": "x"}
MOST = 2**256 - 1


def plus(amount: int) -> Any:
    return {"ModificationAbsolute": {"Amount": amount, "Plus": True}}


def minus(amount: int) -> Any:
    return {"ModificationAbsolute": {"Amount": amount, "Plus": False}}


def percent(value: int) -> Any:
    return {"ModificationPercent": value}


def listing(listing_id: int, price: int, **variations: dict[str, Any] | None) -> dict[str, Any]:
    """Make a published listing with one option of these variations and their modifiers."""
    value: dict[str, Any] = {"ID": listing_id, "Price": price, "Metadata": INFO, "ViewState": 1}
    if variations:
        named = {
            name: {"VariationInfo": INFO} | ({} if modifier is None else {"PriceModifier": modifier})
            for name, modifier in variations.items()
        }
        value["Options"] = {"option": {"Title": "x", "Variations": named}}
    return value


def item(listing_id: int, quantity: int, *variations: str) -> dict[str, Any]:
    chosen = {"VariationIDs": list(variations)} if variations else {}
    return {"ListingID": listing_id, "Quantity": quantity} | chosen


def region(**modifiers: dict[str, Any]) -> ShippingRegion:
    value: Any = {"Country": "", "PostalCode": "", "City": "", "PriceModifiers": modifiers}
    return read(ShippingRegion, value)


def order(*items: dict[str, Any]) -> Order:
    value: Any = {"ID": 1, "Items": list(items), "State": 3}
    return read(Order, value)


def priced(
    listings: list[dict[str, Any]],
    items: list[dict[str, Any]],
    to: ShippingRegion | None = None,
    work: Work | None = None,
) -> int:
    draft = Draft(shop(*((LISTING, number(one["ID"]), one) for one in listings)))
    return price_order(draft, order(*items), to or region(), work)


def refused(
    listings: list[dict[str, Any]], items: list[dict[str, Any]], to: ShippingRegion | None = None
) -> tuple[Code, int | None]:
    with pytest.raises(Refusal) as caught:
        priced(listings, items, to)
    return caught.value.code, caught.value.object_id


# Examples of spec 06


def test_shipping_and_tax_make_36600_of_three_times_10000() -> None:
    to = region(**{"shipping": plus(500), "tax-and-ship": percent(120)})
    assert priced([listing(1, 10_000)], [item(1, 3)], to) == 36_600


def test_variation_of_plus_1_makes_4_of_two_at_1() -> None:
    assert priced([listing(1, 1, big=plus(1))], [item(1, 2, "big")]) == 4


# Items


def test_items_are_summed_up() -> None:
    assert priced([listing(1, 10), listing(2, 7)], [item(1, 2), item(2, 1), item(1, 1)]) == 37


def test_modifiers_apply_in_the_order_of_the_items_variations() -> None:
    shirt = listing(1, 100, tall=percent(150), logo=plus(10))
    assert priced([shirt], [item(1, 1, "tall", "logo")]) == 160
    assert priced([shirt], [item(1, 1, "logo", "tall")]) == 165


def test_variation_that_is_not_chosen_or_has_no_modifier_changes_nothing() -> None:
    assert priced([listing(1, 100, tall=percent(150), plain=None)], [item(1, 1, "plain")]) == 100


def test_each_step_truncates() -> None:
    """3 × 50 % × 50 % would be 0.75; and the truncation comes before the quantity."""
    shirt = listing(1, 3, a=percent(50), b=percent(50), c=percent(300))
    assert priced([shirt], [item(1, 1, "a")]) == 1
    assert priced([shirt], [item(1, 10, "a")]) == 10
    assert priced([shirt], [item(1, 10, "a", "b")]) == 0
    assert priced([shirt], [item(1, 1, "a", "c")]) == 3


def test_variation_never_makes_a_price_negative() -> None:
    assert priced([listing(1, 5, off=minus(6), up=plus(2))], [item(1, 2, "off", "up")]) == 4


def test_price_of_0_is_0() -> None:
    assert priced([listing(1, 0)], [item(1, 3)], region(tax=percent(120))) == 0


def test_items_of_quantity_0_count_for_nothing_whatever_became_of_their_listing() -> None:
    assert priced([listing(1, 5)], [item(2, 0), item(1, 1), item(1, 0, "gone")]) == 5


# Regions


def test_region_modifiers_apply_in_the_order_of_canonical_map_keys() -> None:
    """Shorter names first, then bytewise; the length is that of UTF-8."""
    assert priced([listing(1, 100)], [item(1, 1)], region(b=percent(200), aa=plus(50))) == 250
    assert priced([listing(1, 100)], [item(1, 1)], region(bb=percent(200), aa=plus(50))) == 300
    assert priced([listing(1, 100)], [item(1, 1)], region(é=percent(200), z=plus(50))) == 300
    assert priced([listing(1, 100)], [item(1, 1)], region(zzz=percent(200), éé=plus(50))) == 250


def test_region_never_makes_a_price_negative() -> None:
    assert priced([listing(1, 100)], [item(1, 1)], region(a=minus(101), b=plus(7))) == 7


# What can't be priced


def test_listing_that_is_gone_is_named() -> None:
    assert refused([listing(1, 5)], [item(1, 1), item(9, 1), item(8, 1)]) == (Code.NOT_FOUND, 9)


def test_listing_that_is_not_published_is_named() -> None:
    hidden = listing(2, 5) | {"ViewState": 0}
    assert refused([listing(1, 5), hidden], [item(1, 1), item(2, 1)]) == (Code.NOT_FOUND, 2)


def test_variation_that_is_gone_names_the_listing_wherever_it_is_used() -> None:
    shirt = listing(3, 5, s=None)
    assert refused([shirt], [item(3, 1, "s"), item(3, 1, "m")]) == (Code.NOT_FOUND, 3)


def test_price_is_a_uint256() -> None:
    assert priced([listing(1, MOST)], [item(1, 1)]) == MOST
    assert refused([listing(1, MOST), listing(2, 1)], [item(1, 1), item(2, 1)]) == (Code.INVALID, None)
    assert refused([listing(1, 2**255)], [item(1, 2)]) == (Code.INVALID, None)
    assert refused([listing(1, MOST, x=plus(1))], [item(1, 1, "x")]) == (Code.INVALID, None)
    assert refused([listing(1, MOST)], [item(1, 1)], region(a=percent(101))) == (Code.INVALID, None)


def test_only_the_price_itself_must_be_a_uint256() -> None:
    """Half of two, though two are more than 256 bits can hold."""
    assert priced([listing(1, MOST)], [item(1, 2)], region(a=percent(50))) == MOST
    assert (
        priced([listing(1, MOST, x=percent(MOST), y=minus(MOST))], [item(1, 1, "x")], region(z=percent(0)))
        == 0
    )


def test_amounts_on_the_way_do_not_grow_without_bound() -> None:
    grow = read(PriceModifier, percent(MOST))
    add = read(PriceModifier, plus(MOST))
    most = 2**MOST_BITS_ON_THE_WAY - 1
    assert apply_modifier(100 * most // MOST, grow) <= most
    for amount, modifier in ((most, grow), (most, add)):
        with pytest.raises(Refusal) as caught:
            apply_modifier(amount, modifier)
        assert caught.value.code is Code.INVALID


def test_thousands_of_variations_that_multiply_are_refused() -> None:
    names = [f"v{number}" for number in range(3000)]
    shirt = listing(1, MOST, **dict.fromkeys(names, percent(MOST)))
    free = region(a=percent(0))
    assert refused([shirt], [item(1, 1, *names)], free) == (Code.INVALID, None)
    assert priced([shirt], [item(1, 1, *names[:15])], free) == 0


# What it costs


def test_listing_is_decoded_once_for_all_items_that_name_it() -> None:
    def work(items: int) -> int:
        done = Work()
        variations = {f"v{number}": percent(101) for number in range(200)}
        draft = Draft(shop((LISTING, number(1), listing(1, 5, **variations))), done)
        price_order(draft, order(*[item(1, 1, "v7")] * items), region(), done)
        return done.spent

    assert work(1000) - work(1) < 1000 * 100


def test_looking_through_a_listings_variations_costs_work_each_time() -> None:
    """Many orders in one set may name one listing, which is decoded once for all."""
    work = Work()
    variations: dict[str, Any] = {f"v{number}": None for number in range(1000)}
    draft = Draft(shop((LISTING, number(1), listing(1, 5, **variations))), work)
    price_order(draft, order(item(1, 1)), region(), work)
    before = work.spent
    price_order(draft, order(item(1, 1)), region(), work)
    assert work.spent - before >= 1000


def test_each_listing_costs_work_of_its_own() -> None:
    def again(*items: dict[str, Any]) -> int:
        draft = Draft(shop(*[(LISTING, number(one), listing(one, 5)) for one in range(1, 11)]))
        priced_before, work = Work(), Work()
        for counted in (priced_before, work):
            price_order(draft, order(*items), region(), counted)
        return work.spent

    assert again(*[item(one, 1) for one in range(1, 11)]) >= again(*[item(1, 1)] * 10) + 9 * 50


def test_items_variations_and_modifiers_cost_work() -> None:
    names = [f"v{number}" for number in range(100)]
    shirt = listing(1, 5, **dict.fromkeys(names, percent(100)))
    modifiers = {name: percent(100) for name in names}

    def spent(items: list[dict[str, Any]], to: ShippingRegion) -> int:
        work = Work()
        priced([shirt], items, to, work)
        return work.spent

    least = spent([item(1, 1)], region())
    assert spent([item(1, 1)] * 11, region()) >= least + 10 * 10
    assert spent([item(1, 1, *names)], region()) >= least + 100 * 10
    assert spent([item(1, 1)], region(**modifiers)) >= least + 100 * 10
    with pytest.raises(WorkExceeded):
        priced([shirt], [item(1, 1, *names)] * 100, None, Work(most=100_000))


def test_few_long_names_of_modifiers_cost_as_much_work_as_many_short_ones() -> None:
    def spent(size: int) -> int:
        work = Work()
        priced([listing(1, 5)], [item(1, 1)], region(**{"x" * size: percent(100)}), work)
        return work.spent

    assert spent(60_000) >= spent(60) + 900


# A second computation

COUNTRIES = st.sampled_from(["", "DE", "", "FR"])
CODES = st.sampled_from(["", "1", "22"])
CITIES = st.sampled_from(["", "A", "B"])
PRICES = st.one_of(*[st.integers(0, most) for most in (100, 10**6, 10**20, MOST)])
SMALL_MODIFIER = st.one_of(
    st.builds(percent, st.integers(0, 300)),
    st.builds(plus, st.integers(0, 10**6)),
    st.builds(minus, st.integers(0, 10**6)),
)
MODIFIER = st.one_of(SMALL_MODIFIER, SMALL_MODIFIER, PRICE_MODIFIER)
VARIATIONS = st.dictionaries(st.sampled_from("stuvw"), st.one_of(st.none(), MODIFIER), max_size=4)
IDS = st.integers(1, 4)
RATE_PART = st.one_of(*[st.integers(1, most) for most in (10, 10**5, 10**20, MOST)])


@st.composite
def shops(draw: st.DrawFn) -> dict[int, dict[str, Any]]:
    made = {}
    for listing_id in draw(st.lists(IDS, min_size=1, max_size=4, unique=True)):
        made[listing_id] = listing(listing_id, draw(PRICES), **draw(VARIATIONS))
        made[listing_id]["ViewState"] = draw(st.sampled_from([1] * 9 + [0]))
    return made


@st.composite
def items_of(draw: st.DrawFn, listings: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Mostly what there is; now and then what there is not."""
    listing_id = draw(st.sampled_from([*listings] * 9 + [5]))
    options = listings.get(listing_id, {}).get("Options", {"option": {"Variations": {}}})
    names = [*options["option"]["Variations"]]
    chosen = draw(st.permutations(names))[: draw(st.integers(0, len(names)))] if names else []
    if draw(st.integers(0, 29)) == 29:
        chosen = [*chosen, "gone"]
    return item(listing_id, draw(st.one_of(st.integers(0, 9), UINT32)), *chosen)


@st.composite
def regions(draw: st.DrawFn) -> dict[str, Any]:
    value = {"Country": draw(COUNTRIES), "PostalCode": draw(CODES), "City": draw(CITIES)}
    modifiers = draw(st.dictionaries(st.text("abé", min_size=1, max_size=3), MODIFIER, max_size=3))
    return value | ({"PriceModifiers": modifiers} if modifiers else {})


def outcome_of_refusal(refusal: Refusal) -> Outcome:
    if refusal.code is Code.NOT_FOUND:
        return NotSold(refusal.object_id)
    assert refusal.code is Code.INVALID
    return TooMuch()


def outcome_of(
    listings: dict[int, dict[str, Any]],
    items: list[dict[str, Any]],
    regions: dict[str, dict[str, Any]],
    address: Any,
    decimals: tuple[int, int],
    rate: tuple[int, int],
) -> tuple[Outcome, str | None]:
    """Go the way of a payment choice: region, price, conversion. Give the total and the region's name."""
    manifest = MANIFEST_VALUE | {"ShippingRegions": regions}
    draft = Draft(shop(*((LISTING, number(i), value) for i, value in listings.items()), manifest=manifest))
    assert draft.manifest is not None
    matched = match_region(draft.manifest.shipping_regions, read(AddressDetails, address))
    if matched is None:
        return NoRegion(), None
    name, to = matched
    try:
        return convert(price_order(draft, order(*items), to), *decimals, Rate(*rate)), name
    except Refusal as refusal:
        return outcome_of_refusal(refusal), name


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.data())
def test_totals_equal_a_second_computation_with_fractions(data: st.DataObject) -> None:
    listings = data.draw(shops())
    items = data.draw(st.lists(items_of(listings), min_size=1, max_size=5))
    named = data.draw(st.dictionaries(st.text("abé", max_size=2), regions(), min_size=1, max_size=4))
    texts = (st.sampled_from(one) for one in (["DE", "DE", "FR"], ["1", "22", "3"], ["A", "B", "C"]))
    country, code, city = (data.draw(text) for text in texts)
    address = {"Name": "x", "Address1": "x", "EmailAddress": "x@y.z", "Country": country}
    address |= {"PostalCode": code, "City": city}
    decimals = data.draw(st.tuples(st.integers(1, 18), st.integers(1, 18)))
    rate = data.draw(st.tuples(RATE_PART, RATE_PART))

    outcome, name = outcome_of(listings, items, named, address, decimals, rate)

    expected_name = second_pricing.region_for(named, address)
    assert name == expected_name
    if expected_name is None:
        assert isinstance(outcome, NoRegion)
        return
    expected = second_pricing.price(listings, items, named[expected_name])
    if isinstance(expected, int):
        expected = second_pricing.converted(expected, decimals, rate)
    if isinstance(expected, TooMuch):
        assert isinstance(outcome, TooMuch)
    else:
        assert outcome == expected
