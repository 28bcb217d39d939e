"""Shops as the operator's page shows them: readable, page by page, addresses only on request."""

import logging
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from minirelay.operations.readable import HIDDEN
from minirelay.protocol.signing import checksum_address
from minirelay.store.decimals_rows import DecimalsRows
from tests.relay.fixed_facts import CHAIN
from tests.relay.house import SHOP, House, listing
from tests.relay.selling import CAP, SHIRT, STOCK, Selling
from tests.shop.checkouts import ADDRESS
from tests.shop.patching import TOKEN
from tests.web.admin.conftest import ORDER

Browser = TestClient[Any, Any]


async def ask(operator: Browser, path: str, method: str = "GET", status: int = 200) -> Any:
    async with operator.request(method, path) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def test_shops_are_listed_page_by_page(house: House, operator: Browser, selling: Selling) -> None:
    await house.enrol(shop_id=2**256 - 1)
    found = await ask(operator, "/v1/shops")
    assert found["total"] == 2
    first, second = found["items"]
    assert (first["shop"], second["shop"]) == (str(SHOP), str(2**256 - 1))
    assert first["sequence_number"] == await house.durable_seq()
    assert first["log_bytes"] > 0
    assert first["sessions"] == 2
    found = await ask(operator, "/v1/shops?offset=1&limit=1")
    assert [one["shop"] for one in found["items"]] == [second["shop"]]
    assert (await ask(operator, "/v1/shops?offset=5"))["items"] == []


async def test_one_shop_has_counts_and_orders_by_state(
    house: House, operator: Browser, selling: Selling
) -> None:
    found = await ask(operator, f"/v1/shops/{SHOP}")
    assert found["root_hash"] == f"0x{(await selling.head()).state.root_hash.hex()}"
    assert (found["listings"], found["inventory"]) == (2, 2)
    assert (found["orders"]["unpaid"], found["orders"]["paid"]) == (1, 0)
    assert (found["clerk_cards"], found["guest_cards"], found["unlinked_cards"]) == (2, 1, 0)
    assert found["manifest"]["pricing_currency"]["chain"]
    for one in (found["manifest"]["pricing_currency"], *found["manifest"]["accepted_currencies"]):
        assert one["symbol"]
        # Nobody has asked this shop's tokens yet.
        assert one["decimals"] == (18 if one["is_coin"] else None)
    await house.store.writer.commit(DecimalsRows((CHAIN, TOKEN), 2, None, 0))
    found = await ask(operator, f"/v1/shops/{SHOP}")
    decimals = {one["address"]: one["decimals"] for one in found["manifest"]["accepted_currencies"]}
    assert decimals[checksum_address(TOKEN)] == 2


async def test_listings_have_their_stock(operator: Browser, selling: Selling) -> None:
    found = await ask(operator, f"/v1/shops/{SHOP}/listings")
    assert found["total"] == 2
    cap, shirt = found["items"]
    assert (cap["id"], cap["price"], cap["view_state"]) == (str(CAP), "1000", "published")
    assert cap["stock"] == [{"variations": [], "count": str(STOCK)}]
    assert shirt["stock"] == [{"variations": ["red"], "count": str(STOCK)}]
    names = [one["name"] for option in shirt["options"] for one in option["variations"]]
    assert names == ["red", "blue"]
    found = await ask(operator, f"/v1/shops/{SHOP}/listings?offset=1&limit=1")
    assert [one["id"] for one in found["items"]] == [str(SHIRT)]


async def test_orders_have_items_and_totals_but_no_addresses(operator: Browser, selling: Selling) -> None:
    found = await ask(operator, f"/v1/shops/{SHOP}/orders?state=unpaid")
    (order,) = found["items"]
    assert (order["id"], order["state"], order["has_address"]) == (str(ORDER), "unpaid", True)
    assert [(one["listing"], one["quantity"]) for one in order["items"]] == [(str(CAP), 1)]
    assert order["items"][0]["title"]
    assert int(order["total"]) > 0
    assert order["request"].startswith("0x")
    assert (await ask(operator, f"/v1/shops/{SHOP}/orders?state=paid")) == {"items": [], "total": 0}
    assert (await ask(operator, f"/v1/shops/{SHOP}/orders"))["total"] == 1
    assert "Ada" not in str(found)
    assert "state" in (await ask(operator, f"/v1/shops/{SHOP}/orders?state=x", status=400))["error"]


async def test_an_address_is_shown_by_a_request_of_its_own_which_is_logged(
    operator: Browser, selling: Selling, caplog: pytest.LogCaptureFixture
) -> None:
    path = f"/v1/shops/{SHOP}/orders/{ORDER}/addresses"
    with caplog.at_level(logging.INFO, "minirelay"):
        found = await ask(operator, path, "POST")
    assert found["shipping_address"]["name"] == ADDRESS["Name"]
    assert found["invoice_address"] is None
    (record,) = [one for one in caplog.records if "address was shown" in one.message]
    assert vars(record)["order"] == ORDER
    assert "Ada" not in caplog.text
    # A link can't ask for it.
    await ask(operator, path, status=405)
    await ask(operator, f"/v1/shops/{SHOP}/orders/7/addresses", "POST", 404)


async def test_the_log_says_who_wrote_what_without_addresses(
    house: House, operator: Browser, selling: Selling
) -> None:
    sets = (await ask(operator, f"/v1/shops/{SHOP}/log"))["sets"]
    end = await house.durable_seq()
    assert [one["sequence_number"] for one in sets] == list(range(end, 0, -1))
    assert [one["author"]["kind"] for one in sets[:3]] == ["relay", "guest", "relay"]
    assert "clerk" in {one["author"]["kind"] for one in sets}
    text = str(sets)
    assert HIDDEN in text
    for secret in ("Ada", "Street 1", "ada@example.org"):
        assert secret not in text
    (order,) = [one for one in sets if one["author"]["kind"] == "guest"]
    assert order["patches"][0]["op"] == "add"
    assert order["patches"][0]["path"] == ["Orders", str(ORDER)]
    older = (await ask(operator, f"/v1/shops/{SHOP}/log?before={end}&limit=2"))["sets"]
    assert [one["sequence_number"] for one in older] == [end - 1, end - 2]
    assert (await ask(operator, f"/v1/shops/{SHOP}/log?before=1"))["sets"] == []


async def test_tags_are_listed(operator: Browser, selling: Selling) -> None:
    await selling.clerk.write(("add", ("Tags", "new"), {"Name": "new", "ListingIDs": [CAP]}))
    found = await ask(operator, f"/v1/shops/{SHOP}/tags")
    assert found == {"items": [{"name": "new", "listings": [str(CAP)], "listing_count": 1}], "total": 1}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/shops/99", 404),
        (f"/v1/shops/{2**256 - 1}", 404),
        (f"/v1/shops/{2**256}", 400),
        ("/v1/shops/99/listings", 404),
        ("/v1/shops/99/orders", 404),
        ("/v1/shops/99/tags", 404),
        ("/v1/shops/99/log", 404),
        (f"/v1/shops/{SHOP}/log?before=x", 400),
        (f"/v1/shops/{SHOP}/listings?offset=-1", 400),
        ("/v1/shops?limit=x", 400),
    ],
)
async def test_what_there_is_not_is_said(operator: Browser, path: str, status: int) -> None:
    assert (await ask(operator, path, status=status))["error"]


async def test_a_long_text_is_cut(house: House, operator: Browser, selling: Selling) -> None:
    text = "x" * 100_000
    await selling.clerk.write(listing(9, Metadata={"Title": "<b>", "Description": text}))
    found = (await ask(operator, f"/v1/shops/{SHOP}/listings"))["items"][-1]
    assert found["title"] == "<b>"
    assert len(found["description"]) < 2000
