"""A relay whose operator asks it something over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from minirelay.blobs.library import BlobLibrary
from minirelay.operations.operator import Operator
from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.operations.payment_views import PaymentViews
from minirelay.operations.shop_views import ShopViews
from minirelay.operations.sweeps import Sweeps
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.settlement import SettlementTerms
from minirelay.relay.clock import utc_now
from minirelay.web.admin.alerts import AlertsApi
from minirelay.web.admin.app import create_admin_app
from minirelay.web.admin.blobs import BlobsApi
from minirelay.web.admin.payments import PaymentsApi
from minirelay.web.admin.shops import ShopsApi
from minirelay.web.admin.sweeps import SweepsApi
from tests.limits import WRITES
from tests.relay.house import House, running_relay
from tests.relay.selling import Selling, known_facts, write
from tests.shop.checkouts import buy, item


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_relay(tmp_path, facts=known_facts()) as house:
        await house.enrol()
        yield house


@pytest.fixture
async def operator(house: House) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    terms = SettlementTerms(WRITES.checkout)
    decisions = PaymentDecisions(house.store.reader, PaymentWatches([]), terms, utc_now)
    async with BlobLibrary.opened(house.store, shop_bytes=2**20, now=utc_now) as blobs:
        commands = Operator(house.store, blobs, utc_now)
        app = create_admin_app(
            AlertsApi(commands),
            BlobsApi(commands, blobs),
            PaymentsApi(decisions, PaymentViews(house.store.reader)),
            ShopsApi(ShopViews(house.relay)),
            SweepsApi(Sweeps(house.store.reader, {})),
        )
        async with TestClient(TestServer(app)) as client:
            yield client


ORDER = 2**60 + 1
"""More than a browser's numbers hold."""


@pytest.fixture
async def selling(house: House) -> Selling:
    """A shop with two listings, and a guest's order that waits for its payment."""
    shop = await Selling.start(house)
    guest = await house.guest()
    await write(guest, buy(ORDER, item(1)))
    return shop
