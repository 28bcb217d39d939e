"""The demo shop's orders, in the relay that `minirelay dev` runs."""

from pathlib import Path

import pytest

from minirelay.client import KnownRelays, PrivateKey, RelayClient
from minirelay.client.payments import PaymentsContract, payment_request
from minirelay.config.money import Factor
from minirelay.dev.chain.process import DevChain
from minirelay.dev.demo_orders import COMMITTED_ORDER, OPEN_ORDER, UNPAID_ORDER
from minirelay.dev.derivation import DEMO_CUSTOMER_CARD, RELAY_KEY
from minirelay.dev.development import DevOptions, run_development
from minirelay.shop.order_states import OrderState

PRICE = (2 * 1150 + 2600) * 119 // 100 + 490
"""In cents at the default rate: goods, tax and parcel."""


@pytest.mark.parametrize(("factor", "cents"), [("1500/1", PRICE), ("3000/1", 2 * PRICE)])
async def test_they_are_open_committed_and_unpaid_in_eddies_at_the_fixed_rate(
    dev_chain: DevChain, tmp_path: Path, factor: str, cents: int
) -> None:
    options = DevOptions(
        {},
        host="127.0.0.1",
        port=0,
        price_factor=Factor(factor),
        data=tmp_path / "data",
        rpc_url=dev_chain.rpc_url,
    )
    async with run_development(options) as development:
        shop = development.demo_shop
        assert shop is not None
        card = PrivateKey.from_bytes(DEMO_CUSTOMER_CARD)
        relays = KnownRelays(PrivateKey.from_bytes(RELAY_KEY).address)
        async with RelayClient.connect(
            development.base_url, shop_id=shop.shop_id, key_card=card, relay_signers=relays
        ) as client:
            await client.authenticate()
            async with await client.follow() as follower:
                await follower.caught_up()
                orders = [follower.order(number) for number in (OPEN_ORDER, COMMITTED_ORDER, UNPAID_ORDER)]
        unpaid = orders[2]
        assert unpaid is not None
        request = payment_request(unpaid, shop.shop_id)
        payments = PaymentsContract(development.rpc_url, payments=development.contracts.payments)
        assert len(await payments.address_of(request)) == 20
    states = [order and order.state for order in orders]
    assert states == [
        OrderState.OPEN,
        OrderState.COMMITTED,
        OrderState.UNPAID,
    ]
    assert "0x" + request.currency.hex() == str(development.contracts.eddies).lower()
    assert abs(request.amount - cents) <= 2
