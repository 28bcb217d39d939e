"""Which request is paid when a developer names an order, a shop, or nothing."""

from pathlib import Path

import pytest

from minirelay.chain.endpoint import open_http
from minirelay.dev.chain.process import DevChain
from minirelay.dev.demo_orders import UNPAID_ORDER
from minirelay.dev.derivation import DEMO_SHOP_ID
from minirelay.dev.development import run_development
from minirelay.dev.paying import pass_time
from minirelay.dev.sending import connect
from minirelay.dev.unpaid import find_unpaid, is_noticed_over
from minirelay.errors import ConfigError
from tests.dev.test_development import options


async def test_request_of_the_demo_shop_is_found(dev_chain: DevChain, tmp_path: Path) -> None:
    async with run_development(options(dev_chain, data=tmp_path, has_demo=True)) as running:
        reader = running.server.relay.store.reader
        for order, shop in ((None, None), (UNPAID_ORDER, None), (UNPAID_ORDER, DEMO_SHOP_ID)):
            found = await find_unpaid(reader, order, shop)
            assert int.from_bytes(found.order_id) == UNPAID_ORDER
            assert found.request.shop_id == DEMO_SHOP_ID
        with pytest.raises(ConfigError, match="order 5 waits for no payment: it is paid, or none was chosen"):
            await find_unpaid(reader, 5, None)
        with pytest.raises(ConfigError, match="no order in shop 7 waits"):
            await find_unpaid(reader, None, 7)


async def test_time_of_a_request_is_over_when_the_relay_has_noticed(
    dev_chain: DevChain, tmp_path: Path
) -> None:
    async with run_development(options(dev_chain, data=tmp_path, has_demo=True)) as running:
        reader = running.server.relay.store.reader
        issued = await find_unpaid(reader, None, None)
        assert not await is_noticed_over(reader, issued, 0)
        async with open_http() as http:
            await pass_time(await connect(http, dev_chain.rpc_url), issued.request.ttl + 1)
        assert await is_noticed_over(reader, issued, 20)
