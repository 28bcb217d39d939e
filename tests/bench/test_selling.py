"""What the benchmark sells can be bought."""

from pathlib import Path

from minirelay.bench.fixtures import prepare
from minirelay.bench.selling import SELLING_TERMS, add_order, choose, choose_how, move, opening
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.canonical import load
from minirelay.shop.objects import Order
from minirelay.shop.order_states import OrderState


async def test_an_order_gets_to_unpaid(tmp_path: Path) -> None:
    async with prepare(tmp_path, 1) as shop:
        listing = shop.author.listing_id(0)

        def state_after(*patches: NewPatch) -> OrderState:
            request = shop.request(shop.author.seal(*patches))
            request.terms = SELLING_TERMS
            shop.enter(request)
            data = shop.head.state.get(ObjectType.ORDER, (1).to_bytes(8))
            assert data is not None
            return load(Order, data).state

        assert state_after(*opening(listing, 1), add_order(1, listing)) is OrderState.OPEN
        assert state_after(move(1, OrderState.COMMITTED)) is OrderState.COMMITTED
        assert state_after(*choose_how(1)) is OrderState.COMMITTED
        assert state_after(*choose(1)) is OrderState.UNPAID
