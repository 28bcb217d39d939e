import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from web3.types import Wei

from minirelay.errors import Code, MalformedInput, Refusal
from minirelay.protocol.payments_contract import GET_PAYMENT_ID
from minirelay.protocol.signing import keccak256
from minirelay.shop.payment_request import (
    PaymentRequest,
    abi_values,
    check_create2,
    creation_code_of,
    payment_address,
    payment_id,
)
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import PAYER, STRANGER, call, events, send
from tests.shop.random_objects import ADDRESS, UINT64, UINT256

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "payment_id.json").read_text())
REQUEST = PaymentRequest(
    chain_id=31337, ttl=1_750_000_000, currency=bytes(20), amount=5, payee=b"\x11" * 20, shop_id=1
)
REFUND = b"\x22" * 20
PAYMENTS = b"\x33" * 20

REQUESTS = st.builds(
    PaymentRequest,
    chain_id=UINT64,
    ttl=UINT64,
    currency=ADDRESS,
    amount=UINT256,
    payee=ADDRESS,
    shop_id=UINT256,
)


def of_vector(vector: dict[str, Any]) -> PaymentRequest:
    return PaymentRequest(
        chain_id=vector["chain_id"],
        ttl=vector["ttl"],
        order=bytes.fromhex(vector["order"]),
        currency=bytes.fromhex(vector["currency"][2:]),
        amount=int(vector["amount"]),
        payee=bytes.fromhex(vector["payee_address"][2:]),
        is_payment_endpoint=vector["is_payment_endpoint"],
        shop_id=int(vector["shop_id"]),
        shop_signature=bytes.fromhex(vector["shop_signature"]),
    )


# The id


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["payment_id"][:8])
def test_payment_id_equals_the_vectors(vector: dict[str, Any]) -> None:
    assert payment_id(of_vector(vector)).hex() == vector["payment_id"]


@pytest.mark.parametrize("vector", VECTORS[:3], ids=lambda vector: vector["payment_id"][:8])
def test_what_requests_of_version_4_have_in_common_is_the_default(vector: dict[str, Any]) -> None:
    varying = ("chain_id", "ttl", "currency", "amount", "payee", "shop_id")
    whole = of_vector(vector)
    assert PaymentRequest(**{name: getattr(whole, name) for name in varying}) == whole


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["payment_id"][:8])
def test_payment_id_is_the_contracts(contracts: Contracts, vector: dict[str, Any]) -> None:
    request = of_vector(vector)
    found = call(contracts.payments.functions.getPaymentId(abi_values(request)))
    assert found.to_bytes(32) == payment_id(request)


@given(REQUESTS, st.binary(max_size=200), st.booleans(), st.binary(min_size=32, max_size=32))
@settings(derandomize=True, deadline=None)
def test_requests_are_encoded_as_a_library_encodes_them(
    request: PaymentRequest, signature: bytes, flag: bool, order: bytes
) -> None:
    request = msgspec.structs.replace(
        request, shop_signature=signature, is_payment_endpoint=flag, order=order
    )
    values = abi_values(request)
    assert payment_id(request) == keccak256(encode(GET_PAYMENT_ID.inputs, [values]))
    arguments = encode([*GET_PAYMENT_ID.inputs, "address", "address"], [values, REFUND, PAYMENTS])
    assert creation_code_of(b"code" + arguments, request, PAYMENTS, REFUND) == b"code"


# The address


def creation_code(contracts: Contracts, request: PaymentRequest = REQUEST) -> bytes:
    """Read it the way a relay does."""
    bytecode = call(contracts.payments.functions.getBytecode(abi_values(request), REFUND))
    return creation_code_of(bytecode, request, contract_address(contracts), REFUND)


def contract_address(contracts: Contracts) -> bytes:
    return bytes.fromhex(contracts.payments.address[2:])


@pytest.mark.parametrize("vector", VECTORS[1:3], ids=lambda vector: vector["payment_id"][:8])
def test_payment_address_is_the_contracts(contracts: Contracts, vector: dict[str, Any]) -> None:
    """The creation code was read with another request: it is the same for all."""
    request = of_vector(vector)
    code = creation_code(contracts)
    for refund in (request.payee, REFUND, bytes(20)):
        found = call(contracts.payments.functions.getPaymentAddress(abi_values(request), refund))
        assert payment_address(request, contract_address(contracts), code, refund).hex() == found[2:].lower()


@settings(derandomize=True, max_examples=25, deadline=None)
@given(request=REQUESTS, refund=ADDRESS)
def test_random_requests_have_the_contracts_id_and_address(
    contract_objects: Contracts, request: PaymentRequest, refund: bytes
) -> None:
    functions, values = contract_objects.payments.functions, abi_values(request)
    code = creation_code(contract_objects)
    assert call(functions.getPaymentId(values)).to_bytes(32) == payment_id(request)
    address = payment_address(request, contract_address(contract_objects), code, refund)
    assert call(functions.getPaymentAddress(values, refund))[2:].lower() == address.hex()


def test_money_at_the_computed_address_makes_the_payment(contracts: Contracts) -> None:
    w3 = contracts.payments.w3
    request = msgspec.structs.replace(REQUEST, ttl=2**40, amount=1000)
    address = payment_address(request, contract_address(contracts), creation_code(contracts), request.payee)
    w3.eth.send_transaction({"from": PAYER, "to": w3.to_checksum_address(address), "value": Wei(1000)})
    before = w3.eth.get_balance(w3.to_checksum_address(request.payee))

    receipt = send(contracts.payments.functions.processPayment(abi_values(request), request.payee), STRANGER)

    made = events(contracts.payments, "PaymentMade", receipt)
    assert [event["paymentId"].to_bytes(32) for event in made] == [payment_id(request)]
    assert w3.eth.get_balance(w3.to_checksum_address(request.payee)) == before + 1000


def test_every_field_leads_to_another_id_and_address() -> None:
    changed = [
        msgspec.structs.replace(REQUEST, **{name: value})
        for name, value in {
            "chain_id": 1,
            "ttl": 1_750_000_001,
            "order": b"\x01" * 32,
            "currency": b"\x01" * 20,
            "amount": 6,
            "payee": b"\x12" * 20,
            "is_payment_endpoint": True,
            "shop_id": 2,
            "shop_signature": b"\x01" * 64,
        }.items()
    ]
    ids = {payment_id(request) for request in (REQUEST, *changed)}
    addresses = {payment_address(request, b"\x09" * 20, b"code", REFUND) for request in (REQUEST, *changed)}
    others = {
        payment_address(REQUEST, b"\x0a" * 20, b"code", REFUND),
        payment_address(REQUEST, b"\x09" * 20, b"cod", REFUND),
        payment_address(REQUEST, b"\x09" * 20, b"code", b"\x23" * 20),
    }
    assert len(ids) == len(addresses) == 10
    assert len(addresses | others) == 13


@pytest.mark.parametrize("chain_id", [324, 300, 2741, 728126428])
def test_chain_with_other_rules_for_addresses_is_refused(chain_id: int) -> None:
    request = msgspec.structs.replace(REQUEST, chain_id=chain_id)
    with pytest.raises(Refusal) as caught:
        payment_address(request, b"\x09" * 20, b"code", REFUND)
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize("chain_id", [1, 10, 137, 1101, 8453, 42161, 59144, 534352, 1337, 31337, 11155111])
def test_chains_with_the_usual_rules_are_not_refused(chain_id: int) -> None:
    check_create2(chain_id)


def test_creation_code_is_not_taken_from_the_code_of_another_request(contracts: Contracts) -> None:
    bytecode = call(contracts.payments.functions.getBytecode(abi_values(REQUEST), REFUND))
    other = msgspec.structs.replace(REQUEST, amount=6)
    contract = contract_address(contracts)
    for args in ((other, contract, REFUND), (REQUEST, REFUND, REFUND), (REQUEST, contract, bytes(20))):
        with pytest.raises(MalformedInput):
            creation_code_of(bytecode, *args)


def test_arguments_alone_are_no_creation_code(contracts: Contracts) -> None:
    bytecode = call(contracts.payments.functions.getBytecode(abi_values(REQUEST), REFUND))
    arguments = bytecode.removeprefix(creation_code(contracts))
    for wrong in (arguments, b"", b"\x60"):
        with pytest.raises(MalformedInput):
            creation_code_of(wrong, REQUEST, contract_address(contracts), REFUND)
