"""What shops accept, out of their manifests."""

from pathlib import Path

from minirelay.payments.accepted_tokens import AcceptedTokens
from tests.payments.settling import settling
from tests.relay.fixed_facts import CHAIN
from tests.relay.house import SHOP
from tests.shop.patching import NATIVE, TOKEN


async def test_what_a_shop_accepts_on_a_chain_and_coins_wherever_it_is(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        accepted = AcceptedTokens(shop.house.relay.write_own)
        assert await accepted.of(SHOP, CHAIN) == {NATIVE, TOKEN}
        assert await accepted.of(SHOP, CHAIN + 1) == {NATIVE}
