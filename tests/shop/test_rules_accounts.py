"""Spec 04 "Accounts", row by row."""

import pytest

from tests.shop.patching import ACCOUNT, INV, Row, becomes, check_row, loses, nf, row, shop

WALLET, NOBODY = b"\x0a" * 20, b"\x0b" * 20
CARDS = [bytes([2]) + bytes([i]) * 32 for i in range(3)]
CARD = b"\x03" + b"\xcc" * 32
VALUE = {"KeyCards": CARDS, "Guest": False}
OTHER = {"KeyCards": [CARD], "Guest": True}
SHOP = shop((ACCOUNT, WALLET, VALUE))

A = "Accounts"

ROWS = [
    row("add", [A, WALLET], INV, OTHER),
    row("add", [A, WALLET, "KeyCards", 0], becomes([CARD, *CARDS], "KeyCards"), CARD),
    row("add", [A, WALLET, "KeyCards", 2], becomes([*CARDS[:2], CARD, CARDS[2]], "KeyCards"), CARD),
    row("add", [A, WALLET, "KeyCards", 3], INV, CARD, "at-the-length"),
    row("add", [A, WALLET, "KeyCards", 2**64 - 1], INV, CARD),
    row("add", [A, WALLET, "KeyCards", "0"], INV, CARD, "text-for-an-index"),
    row("add", [A, WALLET, "KeyCards", 0], INV, CARD[:32], "32-bytes"),
    row("add", [A, WALLET, "KeyCards", 0], INV, "text", "not-bytes"),
    row("add", [A, WALLET, "KeyCards", 0, 0], INV, CARD),
    row("add", [A, WALLET, "KeyCards"], INV, CARD),
    row("add", [A, WALLET, "Guest"], INV, True),
    row("add", [A, WALLET, "Unknown"], INV, True),
    row("append", [A, WALLET, "KeyCards"], becomes([*CARDS, CARD], "KeyCards"), CARD),
    row(
        "append", [A, WALLET, "KeyCards"], becomes([*CARDS, bytes(33)], "KeyCards"), bytes(33), "any-33-bytes"
    ),
    row("append", [A, WALLET, "KeyCards"], INV, CARD + b"x", "34-bytes"),
    row("append", [A, WALLET, "KeyCards"], INV, None, "null"),
    row("append", [A, WALLET, "Unknown"], INV, CARD),
    row("append", [A, WALLET], INV, OTHER),
    row("replace", [A, WALLET], becomes(OTHER), OTHER),
    row("replace", [A, WALLET], becomes({"KeyCards": [], "Guest": True}), {"Guest": True}, "no-key-cards"),
    row("replace", [A, WALLET], INV, {"KeyCards": []}, "no-guest"),
    row("replace", [A, WALLET, "KeyCards"], INV, [CARD]),
    row("replace", [A, WALLET, "KeyCards", 0], INV, CARD),
    row("replace", [A, WALLET, "Guest"], INV, True),
    row("replace", [A, WALLET, "Unknown"], INV, True),
    row("remove", [A, WALLET], becomes(None)),
    row("remove", [A, WALLET, "KeyCards", 0], loses("KeyCards", 0)),
    row("remove", [A, WALLET, "KeyCards", 2], loses("KeyCards", 2)),
    row("remove", [A, WALLET, "KeyCards", 3], INV),
    row("remove", [A, WALLET, "KeyCards"], INV),
    row("remove", [A, WALLET, "Guest"], INV),
    row("increment", [A, WALLET, "KeyCards", 0], INV, 1),
    row("decrement", [A, WALLET], INV, 1),
]

ABSENT = [
    row("add", [A, NOBODY], becomes(OTHER), OTHER),
    row(
        "add",
        [A, NOBODY],
        becomes({"KeyCards": [], "Guest": False}),
        {"KeyCards": None, "Guest": False},
        "null",
    ),
    row("add", [A, NOBODY], INV, {"KeyCards": [CARD, b"short"], "Guest": True}, "short-card"),
    row("add", [A, NOBODY], INV, {"KeyCards": [], "Guest": 1}, "guest-is-a-number"),
    row("add", [A, NOBODY, "KeyCards", 0], nf(), CARD),
    row("append", [A, NOBODY, "KeyCards"], nf(), CARD),
    row("append", [A, NOBODY], nf(), OTHER, "absent-before-the-path"),
    row("replace", [A, NOBODY], nf(), OTHER),
    row("replace", [A, NOBODY, "Unknown"], nf(), OTHER, "absent-before-the-field"),
    row("remove", [A, NOBODY], nf()),
    row("remove", [A, NOBODY, "KeyCards", 0], nf()),
    row("increment", [A, NOBODY, "KeyCards"], INV, 1, "the-op-before-all"),
]


@pytest.mark.parametrize("one", ROWS, ids=str)
def test_row(one: Row) -> None:
    check_row(SHOP, one, WALLET)


@pytest.mark.parametrize("one", ABSENT, ids=str)
def test_row_on_an_absent_account(one: Row) -> None:
    check_row(SHOP, one, NOBODY)
