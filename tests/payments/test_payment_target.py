"""Where requests are paid: as the contract on the development chain says."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.findings import ChainReader, FoundLog
from minirelay.dev.deployment import Deployment
from minirelay.payments.payment_target import PAYMENT_MADE, PayByAddress, ProvenEvent
from minirelay.protocol.block_id import BlockId
from minirelay.shop.payment_request import PaymentRequest, abi_values, payment_id
from tests.chain.nodes import CHAIN_ID
from tests.chain_fixtures import Contracts

PAYEE = b"\x0e" * 20
REQUEST = PaymentRequest(
    chain_id=CHAIN_ID, ttl=2_000_000_000, currency=bytes(20), amount=5, payee=PAYEE, shop_id=7
)


class FirstEvent:
    """Says that the first event is a proof. codes: what provers were made with."""

    codes: list[bytes]

    def __init__(self) -> None:
        self.codes = []

    def make(self, creation_code: bytes) -> "FirstEvent":
        self.codes.append(creation_code)
        return self

    async def prove(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader, at: BlockId
    ) -> ProvenEvent | None:
        return _Proven(events[0]) if events else None


class _Proven:
    def __init__(self, event: FoundLog) -> None:
        self._event = event

    @property
    def event(self) -> FoundLog:
        return self._event

    @property
    def payer(self) -> bytes | None:
        return None


def log(address: bytes, *topics: bytes) -> FoundLog:
    return FoundLog(address, topics, b"", BlockId(1, bytes(32)), bytes(32), 0)


@pytest.fixture
def contract(deployment: Deployment) -> bytes:
    return bytes.fromhex(deployment.payments[2:])


async def test_addresses_are_those_that_the_contract_names(
    chain: Chain, contracts: Contracts, contract: bytes
) -> None:
    prover = FirstEvent()
    target = PayByAddress(CHAIN_ID, contract, prover.make)
    assert not target.is_open
    await target.open(chain)
    assert target.is_open
    assert len(prover.codes) == 1
    for request in (REQUEST, replace(REQUEST, amount=2**255), replace(REQUEST, currency=b"\x01" * 20)):
        named = contracts.payments.functions.getPaymentAddress(
            abi_values(request), Web3.to_checksum_address(PAYEE)
        ).call()
        assert target.address_of(request) == bytes.fromhex(named[2:])


async def test_a_proof_is_an_event(chain: Chain, contract: bytes) -> None:
    target = PayByAddress(CHAIN_ID, contract, FirstEvent().make)
    event = log(contract, PAYMENT_MADE, payment_id(REQUEST))
    with pytest.raises(RuntimeError, match="not open"):
        await target.prove(REQUEST, [event], chain, event.block)
    await target.open(chain)
    proof = await target.prove(REQUEST, [event], chain, event.block)
    assert proof is not None
    assert proof.event is event
    assert await target.prove(REQUEST, [], chain, event.block) is None


def test_only_an_event_of_the_contract_is_about_a_request(contract: bytes) -> None:
    target = PayByAddress(CHAIN_ID, contract, FirstEvent().make)
    assert target.log_filter.address == contract
    assert target.log_filter.events == (PAYMENT_MADE,)
    assert target.request_id(log(contract, PAYMENT_MADE, b"\x07" * 32)) == b"\x07" * 32
    assert target.request_id(log(b"\x01" * 20, PAYMENT_MADE, b"\x07" * 32)) is None
    assert target.request_id(log(contract, b"\x02" * 32, b"\x07" * 32)) is None
    assert target.request_id(log(contract, PAYMENT_MADE)) is None
