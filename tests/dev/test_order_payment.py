"""Paying an order of the demo shop, and what is told about it."""

from fractions import Fraction
from pathlib import Path

import pytest

from minirelay.chain.chain import Chain
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.demo_orders import UNPAID_ORDER
from minirelay.dev.development import run_development
from minirelay.dev.order_payment import Wish, pay_order
from minirelay.dev.paying import How, purse_of, received_at_address
from minirelay.dev.unpaid import find_unpaid
from minirelay.errors import ConfigError
from tests.dev.test_development import options


@pytest.mark.parametrize("how", [How.CONTRACT, How.WALLET])
def test_contract_takes_all_of_it_in_time(how: How) -> None:
    for share, is_late in ((Fraction(1, 2), False), (Fraction(2), False), (Fraction(1), True)):
        with pytest.raises(ConfigError, match="exact amount"):
            Wish(1, 1, how, share, is_late)
    assert Wish(1, 1, How.ADDRESS, Fraction(2), True)


async def test_each_step_is_told(chain: Chain, dev_chain: DevChain, tmp_path: Path) -> None:
    async with run_development(options(dev_chain, data=tmp_path, has_demo=True)) as running:
        reader = running.server.relay.store.reader
        purse = purse_of(chain, dev_chain.rpc_url, ACCOUNTS[5], running.contracts)
        told: list[str] = []
        wish = Wish(UNPAID_ORDER, None, How.ADDRESS, Fraction(1), is_late=True)
        paid = await pay_order(purse, reader, wish, told.append)
        assert told[0].startswith(f"order {UNPAID_ORDER} asks for {paid.amount} ")
        assert told[1].startswith("the chain's clock is now past 20")
        assert told[-2:] == [f"paid {paid.amount}", f"  to {paid.to}"]
        with pytest.raises(ConfigError, match="order 5 waits for no payment"):
            await pay_order(purse, reader, Wish(5, None, How.ADDRESS), told.append)


async def test_without_a_share_what_is_missing_is_paid_and_no_more(
    chain: Chain, dev_chain: DevChain, tmp_path: Path
) -> None:
    async with run_development(options(dev_chain, data=tmp_path, has_demo=True)) as running:
        reader = running.server.relay.store.reader
        purse = purse_of(chain, dev_chain.rpc_url, ACCOUNTS[5], running.contracts)
        issued = await find_unpaid(reader, UNPAID_ORDER, None)
        for share in (Fraction(1, 3), None):
            wish = Wish(UNPAID_ORDER, None, How.ADDRESS, share)
            await pay_order(purse, reader, wish, lambda _line: None)
        assert await received_at_address(purse, issued.request) == issued.request.amount
