"""Payment requests as their operator looks at them: the newest first, page by page (spec 06, "payments")."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from typing import Final

import msgspec

from minirelay.shop.issued_requests import RequestState
from minirelay.store.decimals_rows import decimals_key

PAGE: Final = 500

_STRAY: Final = """EXISTS (SELECT 1 FROM payment_transfer
    WHERE request = payment_request.id AND kind = 'stray')"""
_LIST: Final = f"""SELECT payment_request.row, shop.shop_id, order_id, payment_request.id, state, chain_id,
        currency, amount, received, payee, ttl, issued_at, is_dead, {_STRAY}
    FROM payment_request JOIN shop ON shop.id = payment_request.shop
    WHERE payment_request.row < :before AND (:shop IS NULL OR shop.shop_id = :shop)
    AND (:order_id IS NULL OR order_id = :order_id)
    AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
    ORDER BY payment_request.row DESC LIMIT :most"""
_META: Final = "SELECT value FROM meta WHERE key = ?"


class PaymentFilter(msgspec.Struct, frozen=True):
    """Which requests are wanted; None: whatever it is. shop_id: of the shop. order_id: 8 bytes."""

    shop_id: int | None = None
    order_id: bytes | None = None
    states: frozenset[RequestState] | None = None


class ListedPayment(msgspec.Struct, frozen=True):
    """A request as it is listed. row: rises in the order of issue. decimals: of its currency, if known.

    ttl, issued_at: epoch seconds. amount, received: in units of the currency.
    """

    row: int
    shop_id: int
    order_id: bytes
    request_id: bytes
    state: RequestState
    chain_id: int
    currency: bytes
    amount: int
    received: int
    payee: bytes
    ttl: int
    issued_at: int
    is_dead: bool
    has_stray: bool
    decimals: int | None


def list_payments(
    connection: sqlite3.Connection, wanted: PaymentFilter, before: int | None = None
) -> list[ListedPayment]:
    """List up to PAGE requests, the newest first. before: the row of the last one of the page before."""
    states = None if wanted.states is None else _json_list(sorted(state.value for state in wanted.states))
    given = {
        "before": 2**63 - 1 if before is None else before,
        "shop": None if wanted.shop_id is None else wanted.shop_id.to_bytes(32),
        "order_id": wanted.order_id,
        "states": states,
        "most": PAGE,
    }
    rows = connection.execute(_LIST, given).fetchall()
    known: dict[tuple[int, bytes], int | None] = {}
    return [_payment(connection, known, row) for row in rows]


def _payment(
    connection: sqlite3.Connection,
    known: dict[tuple[int, bytes], int | None],
    row: tuple[int, bytes, bytes, bytes, str, bytes, bytes, bytes, bytes, bytes, int, int, int, int],
) -> ListedPayment:
    chain_id = int.from_bytes(row[5])
    place = chain_id, row[6]
    if place not in known:
        found = connection.execute(_META, (decimals_key(place),)).fetchone()
        known[place] = None if found is None else int.from_bytes(found[0])
    return ListedPayment(
        row=row[0],
        shop_id=int.from_bytes(row[1]),
        order_id=row[2],
        request_id=row[3],
        state=RequestState(row[4]),
        chain_id=chain_id,
        currency=row[6],
        amount=int.from_bytes(row[7]),
        received=int.from_bytes(row[8]),
        payee=row[9],
        ttl=row[10],
        issued_at=row[11],
        is_dead=bool(row[12]),
        has_stray=bool(row[13]),
        decimals=known[place],
    )


def _json_list(values: list[str]) -> str:
    return msgspec.json.encode(values).decode()
