"""Call data of Payments: only the canonical one is read, and what it does."""

import random

import pytest
from eth_abi.abi import encode

from minirelay.payments.payment_calls import NO_CALL, PaymentCall, read_payment_call
from minirelay.protocol.abi import load_abi
from minirelay.shop.payment_request import PaymentRequest, abi_values

PAYMENTS = load_abi("PaymentsByAddress")
REFUND, OTHER = b"\x11" * 20, b"\x12" * 20


def request(shop_id: int = 1, signature: bytes = bytes(64), **changed: object) -> PaymentRequest:
    values = {"chain_id": 1, "ttl": 5, "currency": bytes(20), "amount": 7, "payee": b"\x22" * 20}
    return PaymentRequest(**(values | {"shop_id": shop_id, "shop_signature": signature} | changed))  # type: ignore[arg-type]


def calldata(function: str, *arguments: object) -> bytes:
    return PAYMENTS.function(function).encode(*arguments)


ONE, TWO = request(1), request(2, b"odd")
VALUES = [abi_values(ONE), abi_values(TWO)]
REFUNDS = ["0x" + REFUND.hex(), "0x" + OTHER.hex()]

CALLS = {
    "pay": calldata("pay", abi_values(ONE)),
    "payNative": calldata("payNative", abi_values(ONE)),
    "payToken": calldata("payToken", abi_values(ONE), b"permit"),
    "multiPay": calldata("multiPay", VALUES, [b"", b"permit"]),
    "processPayment": calldata("processPayment", abi_values(ONE), REFUNDS[0]),
    "batch": calldata("batch", VALUES, REFUNDS),
}


@pytest.mark.parametrize("function", ["pay", "payNative"])
@pytest.mark.parametrize("signature", [b"", b"x", bytes(32), bytes(64), bytes(65)])
def test_payment_pays_its_request_and_no_other(function: str, signature: bytes) -> None:
    paid = request(1, signature)
    call = read_payment_call(calldata(function, abi_values(paid)))
    assert call.pays_natively(paid)
    assert not call.pays_natively(request(2, signature))
    assert call.refunds_of(paid) == []


@pytest.mark.parametrize("permit", [b"", b"permit", bytes(65)])
def test_payment_by_permit_pays_no_coins_even_if_the_permit_is_empty(permit: bytes) -> None:
    # A wallet that is a contract may take an empty signature for its own.
    call = read_payment_call(calldata("payToken", abi_values(ONE), permit))
    assert [one.permit for one in call.paid] == [permit]
    assert not call.pays_natively(ONE)


def test_element_without_a_permit_pays_coins() -> None:
    call = read_payment_call(CALLS["multiPay"])
    assert call.pays_natively(ONE)
    assert not call.pays_natively(TWO)


def test_sweeps_name_their_refund_addresses_each_once() -> None:
    assert read_payment_call(CALLS["processPayment"]).refunds_of(ONE) == [REFUND]
    call = read_payment_call(CALLS["batch"])
    assert (call.refunds_of(ONE), call.refunds_of(TWO)) == ([REFUND], [OTHER])
    twice = calldata("batch", [VALUES[0]] * 3, [REFUNDS[0], REFUNDS[1], REFUNDS[0]])
    assert read_payment_call(twice).refunds_of(ONE) == [REFUND, OTHER]


def test_every_field_of_the_request_matters() -> None:
    call = read_payment_call(CALLS["pay"])
    changes: dict[str, object] = {
        "chain_id": 2,
        "ttl": 6,
        "order": b"\x01" * 32,
        "currency": OTHER,
        "amount": 8,
        "payee": OTHER,
        "is_payment_endpoint": True,
        "shop_id": 3,
        "shop_signature": b"",
    }
    for name, value in changes.items():
        values = {field: getattr(ONE, field) for field in PaymentRequest.__struct_fields__}
        assert not call.pays_natively(PaymentRequest(**(values | {name: value})))


@pytest.mark.parametrize("name", CALLS)
def test_what_follows_means_nothing(name: str) -> None:
    assert read_payment_call(CALLS[name] + b"\xff" * 33) == read_payment_call(CALLS[name]) != NO_CALL


@pytest.mark.parametrize("name", CALLS)
def test_whatever_is_cut_off_is_no_call(name: str) -> None:
    for size in range(len(CALLS[name])):
        assert read_payment_call(CALLS[name][:size]) == NO_CALL


def again(call: PaymentCall, name: str) -> bytes:
    """Encode a call canonically, which eth-abi does."""
    if name in ("processPayment", "batch"):
        requests = [abi_values(one.request) for one in call.sweeps]
        refunds = ["0x" + one.refund.hex() for one in call.sweeps]
        return (
            calldata(name, requests, refunds) if name == "batch" else calldata(name, requests[0], refunds[0])
        )
    requests = [abi_values(one.request) for one in call.paid]
    permits = [one.permit or b"" for one in call.paid]
    if name == "multiPay":
        return calldata(name, requests, permits)
    return calldata(name, requests[0], *permits) if name == "payToken" else calldata(name, requests[0])


@pytest.mark.parametrize("name", CALLS)
def test_changed_call_data_is_read_only_if_it_is_the_encoding_of_what_was_read(name: str) -> None:
    """A change in one place either means something else, in canonical form, or the call is none."""
    randomness = random.Random(name)
    original = CALLS[name]
    read = 0
    for _ in range(2000):
        changed = bytearray(original)
        for _ in range(randomness.choice([1, 1, 2])):
            place = randomness.randrange(4, len(original))
            changed[place] = randomness.choice([0, 1, 0x20, 0x40, changed[place] ^ 0x20, 0xFF])
        call = read_payment_call(bytes(changed))
        if call != NO_CALL:
            read += 1
            assert bytes(changed).startswith(again(call, name))
    assert read > 20


def test_elements_that_lie_in_one_place_are_not_read() -> None:
    # 4,000 requests of 100 KB each, in call data of 230 KB: what a decoder would make 400 MB of.
    element = encode([PAYMENTS.function("pay").inputs[0]], [abi_values(request(1, bytes(100_000)))])[32:]
    count = 4000
    places = b"".join((count * 32).to_bytes(32) for _ in range(count))
    head = (64).to_bytes(32) + (64 + 32 + len(places) + len(element)).to_bytes(32)
    data = PAYMENTS.function("multiPay").selector + head + count.to_bytes(32) + places + element + bytes(32)
    assert read_payment_call(data) == NO_CALL


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(4), bytes(4000)])
def test_other_functions_are_no_call(data: bytes) -> None:
    assert read_payment_call(data) == NO_CALL


def test_counts_and_lengths_that_are_absurd_are_no_call() -> None:
    for name, word in (("multiPay", 2), ("batch", 2), ("pay", 10)):
        changed = bytearray(CALLS[name])
        changed[4 + 32 * word : 36 + 32 * word] = b"\xff" * 32
        assert read_payment_call(bytes(changed)) == NO_CALL


def test_requests_have_a_permit_or_refund_each_or_it_is_no_call() -> None:
    for permits in ([b""], [b""] * 3):
        assert read_payment_call(calldata("multiPay", VALUES, permits)) == NO_CALL
    for refunds in (REFUNDS[:1], [*REFUNDS, REFUNDS[0]]):
        assert read_payment_call(calldata("batch", VALUES, refunds)) == NO_CALL
