from web3 import Web3

from tests.chain_fixtures import Contracts, rpc
from tests.contracts.deploying import artifact, deploy
from tests.dev.contracts.contract_calls import PAYER, events, send

COUNT = 1000


def test_flood_comes_from_where_it_is_put(w3: Web3, contracts: Contracts) -> None:
    code = artifact("EventFlood")["deployedBytecode"]
    address = contracts.payments.address
    rpc(w3, "anvil_setCode", address, code)
    flood = w3.eth.contract(address=address, abi=deploy(w3, "EventFlood").abi)
    receipt = send(flood.functions.flood(5, COUNT), PAYER)
    made = [event["paymentId"] for event in events(flood, "PaymentMade", receipt)]
    assert made == list(range(5, 5 + COUNT))
    # 15,000 of them fit into a block.
    assert receipt["gasUsed"] / COUNT < 2_000
