"""Strangers' values as JSON: whole where they are small, cut where they are not, never an address."""

import json
from typing import Any

import pytest

from minirelay.operations.readable import HIDDEN, MOST_CHARACTERS, MOST_ITEMS, readable


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**53, str(2**53)),
        ("<b>", "<b>"),
        (b"\x01\xff", "0x01ff"),
        ([1, [b""]], [1, ["0x"]]),
        ({1: "a", b"\x02": "b", "c": 3}, {"1": "a", "0x02": "b", "c": 3}),
    ],
)
def test_values_are_written_as_json_has_them(value: Any, written: Any) -> None:
    assert readable(value) == written


def test_addresses_are_hidden_wherever_they_lie() -> None:
    order: Any = {"ID": 1, "InvoiceAddress": {"Name": "Ada"}, "ShippingAddress": None}
    written = readable([{"x": order}])
    assert written == [{"x": {"ID": 1, "InvoiceAddress": HIDDEN, "ShippingAddress": None}}]


def test_however_large_a_value_is_little_is_written() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    large: list[Any] = [
        "x" * 10**6,
        b"x" * 10**6,
        list(range(10**5)),
        {str(number): number for number in range(10**5)},
        [[[1] * 100 for _ in range(100)] for _ in range(100)],
        deep,
    ]
    for value in large:
        assert len(json.dumps(readable(value))) <= 2 * MOST_CHARACTERS + 100 * MOST_ITEMS
    assert readable("x" * 10**6).endswith("…")
    assert readable(list(range(100)))[-1] == "…"
