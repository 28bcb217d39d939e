"""Payment requests as the operator's page shows them."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.relay.house import SHOP, House
from tests.relay.selling import Selling, write
from tests.shop.checkouts import buy, item
from tests.web.admin.conftest import ORDER
from tests.web.admin.test_shops import ask

Browser = TestClient[Any, Any]


async def test_payments_are_listed_newest_first_and_filtered(
    house: House, operator: Browser, selling: Selling
) -> None:
    guest = await house.guest()
    await write(guest, buy(7, item(1)))
    found = await ask(operator, "/v1/payments")
    assert [one["order"] for one in found["payments"]] == ["7", str(ORDER)]
    assert found["before"] is None
    first = await ask(operator, "/v1/payments?limit=1")
    assert [one["order"] for one in first["payments"]] == ["7"]
    rest = await ask(operator, f"/v1/payments?limit=1&before={first['before']}")
    assert [one["order"] for one in rest["payments"]] == [str(ORDER)]
    for query, count in (
        (f"shop={SHOP}", 2),
        ("shop=99", 0),
        ("order=7", 1),
        ("state=waiting&state=late", 2),
        ("state=late", 0),
        ("all=1", 2),
    ):
        assert len((await ask(operator, f"/v1/payments?{query}"))["payments"]) == count, query


async def test_one_payment_has_all_that_is_known_of_it(operator: Browser, selling: Selling) -> None:
    (listed,) = (await ask(operator, "/v1/payments"))["payments"]
    found = await ask(operator, f"/v1/payments/{listed['request'][:12]}")
    assert found == listed
    assert (found["state"], found["received"], found["observed"], found["decisions"]) == (
        "waiting",
        "0",
        [],
        [],
    )
    assert found["needs_somebody"]
    assert (found["can_accept"], found["can_dismiss"]) == (True, True)
    assert int(found["asked"]) > 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/payments/0x12345", 404),
        ("/v1/payments?state=x", 400),
        ("/v1/payments?shop=x", 400),
        (f"/v1/payments?shop={2**256}", 400),
        (f"/v1/payments?order={2**64}", 400),
        (f"/v1/payments?before={2**63}", 400),
    ],
)
async def test_what_there_is_not_is_said(operator: Browser, path: str, status: int) -> None:
    assert (await ask(operator, path, status=status))["error"]
