"""Trying sweeps without sending them: several at once, and a token that breaks the call stops no other."""

import pytest
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.transport import Transport
from minirelay.payments.sweep_trial import TRIED_AT_ONCE, has_code, reach_payees
from minirelay.protocol.json_rpc import Answer, Result, RpcError
from tests.chain.nodes import CHAIN_ID
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import deploy
from tests.payments.proving import address
from tests.payments.sweeps import MULTICALL, NOWHERE, Sweeping, Watched
from tests.system.payers import Payer


@pytest.mark.parametrize("multicall", [MULTICALL, NOWHERE], ids=["multicall", "without"])
async def test_each_is_tried_for_itself(
    w3: Web3, contracts: Contracts, chain: Chain, multicall: bytes
) -> None:
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
    assert await reach_payees(chain, payments, multicall, trials) == [False, False, True]
    many = trials * (TRIED_AT_ONCE // 3 + 1)
    assert await reach_payees(chain, payments, multicall, many) == [False, False, True] * (len(many) // 3)


async def test_where_there_is_code_is_known(chain: Chain, contracts: Contracts) -> None:
    assert await has_code(chain, MULTICALL)
    assert not await has_code(chain, NOWHERE)


@pytest.mark.parametrize(
    "answer", [RpcError(-32602, "missing field to"), RpcError(3, "execution reverted"), Result("0x")]
)
async def test_an_endpoint_that_runs_no_code_is_not_taken_for_a_payee_that_takes_nothing(
    w3: Web3, contracts: Contracts, rpc_endpoint: Transport, answer: Answer
) -> None:
    endpoint = Watched(rpc_endpoint, answer)
    chain = Chain(CHAIN_ID, [endpoint])
    sweeping = Sweeping(w3, Payer(w3, contracts), chain)
    paid = sweeping.candidate()
    sweeping.pay(paid)
    trial = (paid.request, address(sweeping.payer.address_of(paid.request)), 300_000)
    payments = address(contracts.payments.address)
    assert await reach_payees(chain, payments, NOWHERE, [trial] * 2) == [None, None]
    # That is no fault of the endpoint.
    assert [one.reason for one in chain.health()] == [""]
