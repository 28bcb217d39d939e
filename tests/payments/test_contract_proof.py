"""Nothing is paid to addresses of a contract that is not the Payments contract."""

import asyncio
import logging

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import ChainUnreachable, WrongContract
from minirelay.chain.poll_calls import PollCalls
from minirelay.dev.deployment import Deployment
from minirelay.payments import contract_proof
from minirelay.payments.contract_proof import prove, until_proven
from minirelay.payments.quotes import PaymentChain, Quotes
from minirelay.relay.clock import utc_now
from minirelay.shop.checkout_facts import HeadOf
from minirelay.shop.quote import NoRates
from tests.chain.chain_values import block
from tests.chain.nodes import CHAIN_ID, Node, running, silent

WORDS = r"chains\.31337\.payments: the contract at 0x.* is no Payments.*set the address of Payments"


async def test_the_contract_itself_is_proven(chain: Chain, deployment: Deployment) -> None:
    await prove(chain, bytes.fromhex(deployment.payments[2:]))


@pytest.mark.parametrize("what", ["shop_reg", "eddies", "nothing"])
async def test_another_contract_is_named_with_its_setting(
    chain: Chain, deployment: Deployment, what: str
) -> None:
    address = b"\x12" * 20 if what == "nothing" else bytes.fromhex(getattr(deployment, what)[2:])
    with pytest.raises(WrongContract, match=WORDS):
        await prove(chain, address)


async def test_a_contract_that_names_another_address_than_its_code_makes_is_not_believed(
    chain: Chain, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_proof, "payment_address", lambda *_: b"\x99" * 20)
    with pytest.raises(WrongContract):
        await prove(chain, bytes.fromhex(deployment.payments[2:]))


async def test_an_endpoint_that_does_not_answer_says_nothing_about_the_contract() -> None:
    hanging = Node(behaviour=silent)
    async with running(hanging), open_http() as http:
        with pytest.raises(ChainUnreachable):
            await prove(Chain(CHAIN_ID, http_endpoints([hanging.url], http, timeout_s=0.05)), b"\x12" * 20)


async def test_what_is_wrong_is_said_once_and_asked_again(
    chain: Chain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def counted(one: Chain, payments: bytes) -> None:
        nonlocal asked
        asked += 1
        if asked < 5:
            await prove(one, payments)

    monkeypatch.setattr(contract_proof, "AGAIN_S", 0.001)
    monkeypatch.setattr(contract_proof, "prove", counted)
    await asyncio.wait_for(until_proven(chain, b"\x12" * 20), 20)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert asked == 5
    assert len(warnings) == 1
    assert "chains.31337.payments" in warnings[0]


async def test_a_bug_on_a_strange_answer_is_logged_once_and_ends_nothing(
    chain: Chain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def breaking(_: Chain, _payments: bytes) -> None:
        nonlocal asked
        asked += 1
        if asked < 4:
            raise OverflowError("Python int too large to convert to C long")

    monkeypatch.setattr(contract_proof, "AGAIN_S", 0.001)
    monkeypatch.setattr(contract_proof, "prove", breaking)
    await asyncio.wait_for(until_proven(chain, b"\x12" * 20), 20)
    assert asked == 4
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


@pytest.mark.parametrize("answer", ["0x", "0x" + "ff" * 64, "0x" + "ff" * 32000, "no", 7, None, {"a": []}])
async def test_strange_answers_prove_nothing(answer: object) -> None:
    strange = Node(results={"eth_chainId": hex(CHAIN_ID), "eth_call": answer})
    async with running(strange), open_http() as http:
        with pytest.raises((WrongContract, ChainUnreachable)):
            await prove(Chain(CHAIN_ID, http_endpoints([strange.url], http)), b"\x12" * 20)


@pytest.mark.parametrize("is_right", [False, True])
async def test_no_head_is_told_before_the_contract_is_proven(
    chain: Chain, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, is_right: bool
) -> None:
    payments = bytes.fromhex(deployment.payments[2:]) if is_right else b"\x12" * 20
    proofs = 0

    async def counted(one: Chain, address: bytes) -> None:
        nonlocal proofs
        proofs += 1
        await prove(one, address)

    monkeypatch.setattr(contract_proof, "AGAIN_S", 0.001)
    monkeypatch.setattr(contract_proof, "prove", counted)
    quotes = Quotes(
        [PaymentChain(chain=chain, payments=payments, calls=PollCalls(), is_development=True)],
        NoRates(),
        utc_now,
    )
    quotes.note_head(CHAIN_ID, block(5))
    async with quotes.running(), asyncio.timeout(20):
        if is_right:
            await quotes.warm({HeadOf(CHAIN_ID)})
        while proofs < (1 if is_right else 3):  # noqa: ASYNC110  (a mere counter)
            await asyncio.sleep(0.01)
        assert (quotes.facts(0).chains[CHAIN_ID] is not None) == is_right
