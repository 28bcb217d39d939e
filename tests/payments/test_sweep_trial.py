"""Trying sweeps without sending them: several at once, and a token that breaks the call stops no other."""

from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.payments.sweep_trial import TRIED_AT_ONCE, has_code, reach_payees
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import deploy
from tests.payments.proving import address
from tests.payments.sweeps import MULTICALL, Sweeping
from tests.system.payers import Payer


async def test_each_is_tried_for_itself(w3: Web3, contracts: Contracts, chain: Chain) -> None:
    sweeping = Sweeping(w3, Payer(w3, contracts), chain)
    silent = deploy(w3, "SilentToken")
    paid, unpaid = sweeping.candidate(number=1), sweeping.candidate(number=2)
    nowhere = sweeping.candidate(currency="0x" + "77" * 20, number=3)
    broken = sweeping.candidate(currency=silent.address, number=4)
    sweeping.pay(paid)
    sweeping.pay(broken, token=silent)
    trials = [
        (one.request, address(sweeping.payer.address_of(one.request)), 300_000)
        for one in (unpaid, nowhere, paid)
    ]
    payments = address(contracts.payments.address)
    assert await reach_payees(chain, payments, MULTICALL, trials) == [False, False, True]
    many = trials * (TRIED_AT_ONCE // 3 + 1)
    assert await reach_payees(chain, payments, MULTICALL, many) == [False, False, True] * (len(many) // 3)


async def test_where_there_is_code_is_known(chain: Chain, contracts: Contracts) -> None:
    assert await has_code(chain, MULTICALL)
    assert not await has_code(chain, b"\x09" * 20)
