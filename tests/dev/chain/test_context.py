from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.dev.chain import context
from minirelay.dev.chain.errors import INVALID_PARAMS, RpcError
from tests.dev.chain.asking import BOB, Asker, signed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [("0x0", 0), ("0x10", 16), ("0XfF", 255), ("0x" + "f" * 64, 2**256 - 1), ("0x000a", 10), (7, 7)],
)
def test_quantity(value: object, number: int) -> None:
    assert context.quantity(value) == number


@pytest.mark.parametrize(
    "value",
    ["", "0x", "10", "0x-1", "0x1_0", "0x 1", "0x١", "0x" + "f" * 65, -1, 2**256, True, 1.0, None, [], {}],
)
def test_no_quantity(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        context.quantity(value)
    assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize(("value", "data"), [("0x", b""), ("0x00fF", b"\x00\xff")])
def test_data(value: str, data: bytes) -> None:
    assert context.data(value) == data


@pytest.mark.parametrize(
    "value", ["", "00", "0x0", "0x0g", "0x 00", "0x00 ", "0x00\n", "0xéé", None, 5, b"0x00", ["0x"]]
)
def test_no_data(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        context.data(value)
    assert caught.value.code == INVALID_PARAMS


def test_data_is_bounded() -> None:
    with pytest.raises(RpcError, match="too long"):
        context.data("0x" + "00" * (context.MAX_DATA_BYTES + 1))


def test_address_has_twenty_bytes() -> None:
    assert context.address("0x" + "Ab" * 20) == b"\xab" * 20
    for size in (0, 19, 21, 32):
        with pytest.raises(RpcError, match="expected 20 bytes"):
            context.address("0x" + "00" * size)


@pytest.mark.parametrize("tag", ["latest", "pending", "earliest", "safe", "finalized"])
def test_block_by_tag(tag: str) -> None:
    assert context.block(tag) == tag
    assert context.block({"blockNumber": tag}) == tag


def test_block_by_number_and_hash() -> None:
    assert context.block("0x10") == 16
    assert context.block({"blockNumber": "0x10"}) == 16
    assert context.block({"blockHash": "0x" + "07" * 32, "requireCanonical": True}) == b"\x07" * 32


@pytest.mark.parametrize(
    "value", ["newest", {}, {"blockNumber": {"blockNumber": "0x1"}}, {"blockHash": "0x00"}, None, []]
)
def test_no_block(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        context.block(value)
    assert caught.value.code == INVALID_PARAMS


def test_members_leave_out_what_is_null() -> None:
    assert context.members({"a": 1, "b": None}) == {"a": 1}
    with pytest.raises(RpcError):
        context.members([1])


def test_parameters_by_position() -> None:
    given = context.Params(["0x1", None, True])
    assert given.has(0)
    assert not given.has(1)
    assert not given.has(3)
    assert given.block(0) == 1
    assert given.block(1) == given.block(9) == "latest"
    assert given.flag(2)
    assert not given.flag(1)
    for index in (1, 3):
        with pytest.raises(RpcError, match=f"missing value for required argument {index}"):
            given[index]
    with pytest.raises(RpcError, match="expected true or false"):
        given.flag(0)


@settings(derandomize=True, max_examples=200)
@given(value=JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    for read in (
        context.data,
        context.quantity,
        context.address,
        context.block,
        context.members,
        context.flag,
    ):
        with suppress(RpcError):
            read(value)


@settings(derandomize=True, max_examples=100)
@given(value=JSON)
def test_refusals_are_short(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        context.address([value])
    assert caught.value.code == INVALID_PARAMS
    assert len(caught.value.message) < 200


def test_blocks_are_found_by_every_reference(ask: Asker) -> None:
    for _ in range(3):
        ask("evm_mine")
    context = ask.context
    head = context.node.chain.head
    for reference in ("latest", "safe", "finalized", 3, head.hash):
        assert context.find(reference) == context.header(reference) == head
    first = context.find("earliest")
    assert first is not None
    assert first.block_number == 0
    assert context.find(0) == first


def test_missing_blocks(ask: Asker) -> None:
    for reference in (1, 2**63, 2**256 - 1, bytes(32)):
        assert ask.context.find(reference) is None
        with pytest.raises(RpcError, match="header not found"):
            ask.context.header(reference)


def test_pending_is_no_mined_block_but_has_a_state(ask_waiting: Asker) -> None:
    ask_waiting("eth_sendRawTransaction", signed(value=5))
    context = ask_waiting.context
    assert context.find("pending") is None
    assert context.header("pending") == context.node.chain.head
    bob = bytes.fromhex(BOB.address[2:])
    before, after = (context.state(tag).get_balance(bob) for tag in ("latest", "pending"))  # type: ignore[arg-type]
    assert after - before == 5


def test_transactions_of_a_block(ask: Asker) -> None:
    ask("eth_sendRawTransaction", signed())
    (transaction,) = ask.context.transactions(ask.context.node.chain.head)
    assert "0x" + transaction.encode().hex() == signed()
