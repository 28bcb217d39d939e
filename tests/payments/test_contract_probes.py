"""What tokens and payees are asked: of real contracts, and of nodes that misbehave."""

from typing import Any

import pytest
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable
from minirelay.dev.deployment import Deployment
from minirelay.payments.contract_probes import PAYEE_GAS, TOKEN_GAS, read_token, takes_coin
from minirelay.shop.checkout_facts import TokenFacts
from tests.chain.nodes import Endless, Node, chain_over, drop, error, plain, said
from tests.dev.contracts.contract_calls import PAYEE
from tests.dev.contracts.payment_requests import deploy_runtime

SOMEBODY = bytes.fromhex(PAYEE[2:])
PAYMENTS = b"\x11" * 20
TOKEN = b"\x22" * 20

# Runtime code: what a contract does, whatever it is asked.
SAYS_NOTHING = "00"
SAYS_ONE = "600160005260206000f3"
SAYS_TWO = "600260005260206000f3"
SAYS_MUCH = "6001600052620140006000f3"
REVERTS = "60006000fd"
NEVER_ENDS = "5b600056"
WRITES = "600160005500"
IS_INVALID = "fe"


def address(text: str) -> bytes:
    return bytes.fromhex(text[2:])


async def token_of(chain: Chain, deployment: Deployment, token: bytes) -> TokenFacts:
    return await read_token(chain, address(deployment.payments), token, SOMEBODY)


async def test_the_development_token_has_two_decimals_and_can_be_moved_on(
    chain: Chain, deployment: Deployment
) -> None:
    assert await token_of(chain, deployment, address(deployment.eddies)) == TokenFacts(2, True)


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        (SAYS_ONE, TokenFacts(1, True)),
        (SAYS_TWO, TokenFacts(2, False)),
        (SAYS_NOTHING, TokenFacts(None, False)),
        (REVERTS, TokenFacts(None, True)),
        (NEVER_ENDS, TokenFacts(None, True)),
        (IS_INVALID, TokenFacts(None, True)),
        (SAYS_MUCH, TokenFacts(None, True)),
    ],
    ids=["one", "two", "nothing", "reverts", "never ends", "invalid", "80 KiB"],
)
async def test_a_token_is_what_its_code_does(
    chain: Chain, deployment: Deployment, w3: Web3, code: str, facts: TokenFacts
) -> None:
    token = address(deploy_runtime(w3, code))
    assert await token_of(chain, deployment, token) == facts
    # Whatever it did, the chain can be asked.
    assert await chain.quantity("eth_blockNumber") > 0


async def test_where_no_contract_is_there_is_no_token(chain: Chain, deployment: Deployment) -> None:
    assert await token_of(chain, deployment, SOMEBODY) == TokenFacts(None, False)


@pytest.mark.parametrize(
    ("code", "takes"),
    [(SAYS_NOTHING, True), (SAYS_ONE, True), (REVERTS, False), (NEVER_ENDS, False), (WRITES, False)],
    ids=["stops", "returns", "reverts", "never ends", "writes"],
)
async def test_a_payee_takes_the_coin_if_the_little_gas_is_enough(
    chain: Chain, deployment: Deployment, w3: Web3, code: str, takes: bool
) -> None:
    payee = address(deploy_runtime(w3, code))
    assert await takes_coin(chain, address(deployment.payments), payee) is takes


async def test_a_wallet_takes_the_coin(chain: Chain, deployment: Deployment) -> None:
    assert await takes_coin(chain, address(deployment.payments), SOMEBODY)


def node_saying(**outcome: Any) -> Node:
    """Make a node where calls of TOKEN end like this, and all others with nothing."""

    async def call(_request: Any, question: Any) -> Any:
        is_token = question["params"][0]["to"] == "0x" + TOKEN.hex()
        return said(question, **(outcome if is_token else {"result": "0x"}))

    return Node(results={"eth_call": call})


async def test_calls_are_as_the_contract_will_make_them() -> None:
    node = node_saying(result="0x" + "00" * 31 + "01")
    async with chain_over(node) as bench:
        await takes_coin(bench.chain, PAYMENTS, TOKEN)
        await read_token(bench.chain, PAYMENTS, TOKEN, SOMEBODY)
    _chain_id, (transfer, _), _control, (decimals, _), (approve, _), (move, _), _ = node.params
    assert (transfer["from"], transfer["gas"], transfer["value"]) == (
        "0x" + PAYMENTS.hex(),
        hex(PAYEE_GAS),
        "0x0",
    )
    assert decimals["data"] == "0x313ce567"
    assert approve["data"] == "0x095ea7b3" + PAYMENTS.hex().rjust(64, "0") + "1".rjust(64, "0")
    assert move["data"] == "0xa9059cbb" + SOMEBODY.hex().rjust(64, "0") + "0" * 64
    assert {call["gas"] for call in (decimals, approve, move)} == {hex(TOKEN_GAS)}
    assert node.requests == 3


@pytest.mark.parametrize(
    "result", ["0x" + "ff" * 32, "0x01", 7, None, "0x" + "00" * 1025, "0x" + "00" * 10**6]
)
async def test_decimals_of_another_kind_are_none(result: object) -> None:
    async with chain_over(node_saying(result=result)) as bench:
        assert (await read_token(bench.chain, PAYMENTS, TOKEN, SOMEBODY)).decimals is None


@pytest.mark.parametrize(
    "behaviour",
    [
        drop,
        plain("", 502),
        plain("<html>"),
        plain("[]"),
        plain("{}"),
        Endless(),
        error(-32603, "internal error"),
    ],
)
async def test_a_node_that_fails_says_nothing_of_token_or_payee(behaviour: Any) -> None:
    node = node_saying(result="0x")
    async with chain_over(node) as bench:
        assert await takes_coin(bench.chain, PAYMENTS, TOKEN)
        node.behaviour = behaviour
        with pytest.raises(ChainUnreachable):
            await takes_coin(bench.chain, PAYMENTS, TOKEN)
        bench.clock.now += 200
        with pytest.raises(ChainUnreachable):
            await read_token(bench.chain, PAYMENTS, TOKEN, SOMEBODY)
