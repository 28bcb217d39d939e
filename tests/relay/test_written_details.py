from minirelay.protocol.patch_set import Patch
from minirelay.relay.written_details import written_details
from tests.shop.checkouts import (
    CHAIN,
    CheckoutShop,
    a_shop,
    address,
    buy,
    cancel,
    item,
    listing,
    relay_patch,
)
from tests.shop.patching import TOKEN, number, patch

GUEST = 7


def bought(**address_fields: str) -> tuple[CheckoutShop, list[Patch]]:
    """A shop behind a customer's payment choice, and the relay's patches behind that."""
    shop = CheckoutShop(a_shop([listing(1, 1000)], {number(1): 9}))
    sets = [*buy(5, item(1, 2)), *([address(5, "replace", **address_fields)] if address_fields else [])]
    outcome = shop.write(GUEST, *sets)
    return shop, [relay_patch(one) for patches in outcome.patches for one in patches]


def test_what_was_asked_for_comes_with_what_it_was_computed_of() -> None:
    shop, patches = bought(Country="NZ")
    (request,) = shop.requests(5)
    (written,) = written_details(shop.state, shop.owners, patches, 9)
    assert (written.seq, written.order_id, written.card) == (9, number(5), GUEST)
    assert written.details == request.details
    assert (written.pricing, written.price, written.region) == ((CHAIN, TOKEN), 2500, "far")
    assert (written.pricing, written.price, written.region) == (
        request.pricing,
        request.price,
        request.region,
    )


def test_other_patches_ask_for_nothing() -> None:
    shop, (details, state) = bought()
    removed = patch("remove", "Orders", 5, "PaymentDetails")
    assert list(written_details(shop.state, shop.owners, [state, *cancel(5), removed], 9)) == []
    assert len(list(written_details(shop.state, shop.owners, [details, details], 9))) == 2


def test_of_a_shop_that_sells_none_of_it_there_is_no_price() -> None:
    shop, (details, _) = bought()
    for state, region in (
        (a_shop([], {}), None),
        (CheckoutShop(a_shop([listing(1)], {})).state, None),
    ):
        (written,) = written_details(state, {}, [details], 9)
        assert (written.price, written.region, written.card) == (None, region, 0)
    shop.write(0, patch("replace", "Listings", 1, "ViewState", value=2))
    (written,) = written_details(shop.state, shop.owners, [details], 9)
    assert (written.price, written.region) == (None, "home")
