import pytest

from minirelay.shop.objects import AddressDetails, Order, ShippingRegion
from minirelay.shop.order_states import OrderState
from minirelay.shop.regions import destination, match_region, points_of
from minirelay.shop.work import Work, WorkExceeded


def address(country: str = "DE", postal_code: str = "10115", city: str = "Berlin") -> AddressDetails:
    return AddressDetails(
        name="Jane Doe",
        address1="1 Main St",
        city=city,
        postal_code=postal_code,
        country=country,
        email_address="jane@example.com",
    )


def region(country: str = "", postal_code: str = "", city: str = "") -> ShippingRegion:
    return ShippingRegion(country=country, postal_code=postal_code, city=city)


def matched(regions: dict[str, ShippingRegion], at: AddressDetails) -> str | None:
    found = match_region(regions, at)
    if found is None:
        return None
    name, chosen = found
    assert chosen is regions[name]
    return name


@pytest.mark.parametrize(
    ("one", "points"),
    [
        (region(), 1),
        (region("DE"), 10),
        (region("FR"), 0),
        (region("de"), 0),
        (region("", "10115"), 101),
        (region("DE", "10115"), 110),
        (region("FR", "10115", "Berlin"), 0),
        (region("DE", "10115", "Berlin"), 1110),
        (region("", "10115", "Berlin"), 1101),
    ],
)
def test_country_postal_code_and_city_give_points(one: ShippingRegion, points: int) -> None:
    assert points_of(one, address()) == points


def test_city_counts_only_with_an_equal_postal_code() -> None:
    assert points_of(region("DE", "", "Berlin"), address()) == 10
    assert points_of(region("DE", "10117", "Berlin"), address()) == 10


def test_postal_code_and_city_that_differ_exclude_nothing() -> None:
    assert points_of(region("DE", "99999", "Weimar"), address()) == 10
    assert points_of(region("", "99999", "Weimar"), address()) == 1
    assert points_of(region("DE", "10115", "Weimar"), address()) == 110


def test_most_points_win() -> None:
    regions = {
        "anywhere": region(),
        "by country": region("DE"),
        "by code": region("", "10115"),
        "exact": region("DE", "10115", "Berlin"),
    }
    assert matched(regions, address()) == "exact"
    assert matched(regions, address(country="FR")) == "by code"
    assert matched(regions, address(postal_code="1")) == "by country"
    assert matched(regions, address(country="FR", postal_code="1")) == "anywhere"


def test_postal_code_without_a_country_wins_over_the_country_alone() -> None:
    assert matched({"a": region("DE"), "z": region("", "10115")}, address()) == "z"


def test_first_by_name_wins_on_a_tie() -> None:
    assert matched({"b": region("DE"), "a": region("DE", "0")}, address()) == "a"


def test_names_are_compared_bytewise() -> None:
    """In UTF-16, U+FF5E would come behind U+10000; a longer name comes behind its beginning."""
    assert matched({"\U00010000": region(), "\uff5e": region()}, address()) == "\uff5e"
    assert matched({"B": region(), "aa": region(), "a": region()}, address()) == "B"
    assert matched({"ab": region(), "a": region()}, address()) == "a"
    assert matched({"é": region(), "z": region()}, address()) == "z"


def test_no_candidate_is_no_region() -> None:
    assert matched({"france": region("FR", "10115", "Berlin")}, address()) is None
    assert match_region({}, address()) is None
    assert match_region(None, address()) is None


def test_every_region_costs_work() -> None:
    regions = {str(number): region() for number in range(1000)}
    with pytest.raises(WorkExceeded):
        match_region(regions, address(), Work(most=5_000))
    assert match_region(regions, address(), Work(most=50_000)) is not None


def test_shipping_address_decides_before_the_invoice_address() -> None:
    order = Order(id=1, items=[], state=OrderState.OPEN)
    assert destination(order) is None
    order.invoice_address = address("FR")
    assert destination(order) is order.invoice_address
    order.shipping_address = address("DE")
    assert destination(order) is order.shipping_address
