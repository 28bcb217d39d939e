"""What calls and events of the known contracts become, and what is made of bytes that are neither."""

from collections.abc import Sequence

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.admin.decoding import MOST_DECODED, Decoding
from minirelay.dev.contract_addresses import Contracts
from minirelay.operations.readable import MOST_CHARACTERS, MOST_ITEMS
from minirelay.protocol.abi import Function, load_abi
from minirelay.protocol.addresses import MULTICALL_ADDRESS
from minirelay.protocol.erc20 import TRANSFER
from minirelay.protocol.payments_contract import PAY
from minirelay.shop.payment_request import abi_values
from tests.payments.proving import request_for

SHOP_REG, RELAY_REG, PAYMENTS, EDDIES, PERMIT2 = (bytes.fromhex(one.address[2:]) for one in ACCOUNTS[:5])
OTHER = bytes.fromhex(ACCOUNTS[5].address[2:])
DECODING = Decoding(Contracts(*(one.address for one in ACCOUNTS[:5])))
HOLDER = ACCOUNTS[6].address

NAMES = {
    SHOP_REG: "ShopReg",
    RELAY_REG: "RelayReg",
    PAYMENTS: "Payments",
    EDDIES: "Eddies",
    PERMIT2: "Permit2",
    MULTICALL_ADDRESS: "Multicall3",
}
MINT = load_abi("ShopReg").function("mint")


def word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


@pytest.mark.parametrize(("address", "name"), [*NAMES.items(), (OTHER, None), (None, None)])
def test_contracts_have_names(address: bytes | None, name: str | None) -> None:
    assert DECODING.name_of(address) == name


def test_contracts_that_are_not_there_are_not_known() -> None:
    decoding = Decoding(Contracts(*(one.address for one in ACCOUNTS[:3])))
    assert decoding.name_of(EDDIES) is None
    assert decoding.name_of(PAYMENTS) == "Payments"


def test_numbers_are_texts_and_addresses_are_checksummed() -> None:
    assert DECODING.call(SHOP_REG, MINT.encode(2**256 - 1, HOLDER.lower())) == {
        "function": "mint",
        "selector": "0x" + MINT.selector.hex(),
        "arguments": [{"name": "shopId", "value": str(2**256 - 1)}, {"name": "owner", "value": HOLDER}],
    }


def test_what_is_nested_keeps_its_names() -> None:
    request = request_for()
    call = DECODING.call(PAYMENTS, PAY.encode(abi_values(request)))
    assert call is not None
    (argument,) = call["arguments"]
    assert argument["name"] == "request"
    assert argument["value"]["amount"] == str(request.amount)
    assert argument["value"]["shopId"] == str(request.shop_id)


@pytest.mark.parametrize(
    ("to", "data"),
    [
        (OTHER, TRANSFER.encode(HOLDER, 1)),
        (EDDIES, b"\x01\x02\x03"),
        (EDDIES, b"\x01\x02\x03\x04"),
        (SHOP_REG, TRANSFER.encode(HOLDER, 1)),
    ],
)
def test_call_of_what_is_not_known_has_its_selector_only(to: bytes, data: bytes) -> None:
    assert DECODING.call(to, data) == {
        "function": None,
        "selector": "0x" + data[:4].hex(),
        "arguments": None,
    }


def test_nothing_is_no_call() -> None:
    assert DECODING.call(EDDIES, b"") is None


def test_call_whose_arguments_are_none_keeps_its_name() -> None:
    call = DECODING.call(EDDIES, TRANSFER.selector + b"\xff" * 64)
    assert call is not None
    assert (call["function"], call["arguments"]) == ("transfer", None)


def test_texts_and_lists_are_cut() -> None:
    uri = load_abi("RelayReg").function("updateURI")
    call = DECODING.call(RELAY_REG, uri.encode(1, "x" * (MOST_CHARACTERS + 1)))
    assert call is not None
    assert call["arguments"][1]["value"] == "x" * MOST_CHARACTERS + "…"
    bitmap = load_abi("ShopReg").function("permsToBitmap")
    call = DECODING.call(SHOP_REG, bitmap.encode([1] * (MOST_ITEMS + 1)))
    assert call is not None
    assert call["arguments"][0]["value"] == ["1"] * MOST_ITEMS + ["…"]


def test_lists_of_one_long_text_are_not_read() -> None:
    """1,000 times the same 100 kilobytes, as call data of 132 kilobytes has it."""
    count, size = 1_000, 100_000
    same = count * 32
    texts = count.to_bytes(32) + same.to_bytes(32) * count + size.to_bytes(32) + bytes(size)
    function = load_abi("PaymentsByAddress").function("multiPay")
    data = function.selector + (64).to_bytes(32) + (96).to_bytes(32) + bytes(32) + texts
    call = DECODING.call(PAYMENTS, data)
    assert call is not None
    assert (call["function"], call["arguments"]) == ("multiPay", None)


def test_event_is_written_in_the_order_of_its_inputs() -> None:
    transfer = load_abi("Eddies").event("Transfer")
    topics = [transfer.topic, word(ACCOUNTS[0].address), word(HOLDER)]
    assert DECODING.event(EDDIES, topics, (5).to_bytes(32)) == {
        "address": ACCOUNTS[3].address,
        "contract": "Eddies",
        "event": "Transfer",
        "topic": "0x" + transfer.topic.hex(),
        "arguments": [
            {"name": "from", "value": ACCOUNTS[0].address},
            {"name": "to", "value": HOLDER},
            {"name": "value", "value": "5"},
        ],
    }


TOPIC = load_abi("Eddies").event("Transfer").topic


@pytest.mark.parametrize(
    ("address", "topics", "data"),
    [
        (OTHER, [TOPIC, bytes(32), bytes(32)], bytes(32)),
        (EDDIES, [], b""),
        (EDDIES, [bytes(32)], b""),
        (EDDIES, [TOPIC], bytes(32)),
        (EDDIES, [TOPIC, bytes(32), bytes(32)], b""),
        (EDDIES, [TOPIC, b"\xff" * 32, bytes(32)], bytes(32)),
        (EDDIES, [TOPIC, bytes(32), bytes(32)], bytes(MOST_DECODED + 1)),
    ],
)
def test_what_is_no_known_event_is_shown_as_what_it_is(
    address: bytes, topics: Sequence[bytes], data: bytes
) -> None:
    written = DECODING.event(address, topics, data)
    assert (written["event"], written["arguments"]) == (None, None)
    assert written["topic"] == ("0x" + topics[0].hex() if topics else None)


SELECTORS = [
    Function(entry["name"], tuple(one["type"] for one in entry["inputs"])).selector
    for abi in ("Eddies", "ShopReg", "RelayReg")
    for entry in load_abi(abi).entries
    if entry["type"] == "function"
] + [load_abi("Multicall3").function("aggregate3Value").selector, PAY.selector]


@given(st.sampled_from(list(NAMES)), st.sampled_from(SELECTORS), st.binary(max_size=400))
def test_whatever_is_sent_is_written(to: bytes, selector: bytes, data: bytes) -> None:
    assert DECODING.call(to, selector + data) is not None


@given(
    st.sampled_from(list(NAMES)),
    st.lists(st.sampled_from([TOPIC, bytes(32), b"\xff" * 32, encode(["bool"], [True])]), max_size=4),
    st.binary(max_size=100),
)
def test_whatever_is_logged_is_written(address: bytes, topics: list[bytes], data: bytes) -> None:
    assert DECODING.event(address, topics, data)["contract"] == NAMES[address]
