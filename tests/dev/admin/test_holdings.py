"""What wallets have: coins, and Eddies where there are any."""

from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.admin.holdings import holdings
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import PAYEE, PAYER, STRANGER, send


async def test_each_has_its_own(chain: Chain, w3: Web3, contracts: Contracts) -> None:
    send(contracts.eddies.functions.mint(PAYEE, 1234), STRANGER)
    addresses = [PAYER, PAYEE]
    held = await holdings(chain, addresses, contracts.eddies.address)
    assert [one["coins"] for one in held] == [str(w3.eth.get_balance(one)) for one in addresses]
    assert int(held[1]["eddies"]) - int(held[0]["eddies"]) == 1234


async def test_without_the_token_nothing_is_said_of_it(chain: Chain) -> None:
    (one,) = await holdings(chain, [ACCOUNTS[0].address], None)
    assert one["eddies"] is None
    assert int(one["coins"]) > 0
