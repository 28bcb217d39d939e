"""Payment requests at whose addresses money may lie, as sweeping needs them (spec 06)."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from minirelay.shop.issued_requests import RequestState
from minirelay.shop.payment_request import PaymentRequest
from minirelay.store.checkout_rows import CHAIN_ID_BYTES
from minirelay.store.decimals_rows import decimals_key

MOST: Final = 20_000
"""Of the newest; what is older than so many has had its time."""

MOST_STRAYS: Final = 1000
"""Of what lies on another chain than that of its request, the largest: strangers can put dust there."""

_IS_ORDER_PAID: Final = """EXISTS (SELECT 1 FROM payment_request AS other
    WHERE other.shop = one.shop AND other.order_id = one.order_id
    AND other.state IN ('paid', 'over', 'reverted'))"""
_LIST: Final = f"""SELECT one.id, shop.shop_id, order_id, chain_id, ttl, currency, amount, payee, state,
        issued_at, {_IS_ORDER_PAID}, one.shop
    FROM payment_request AS one JOIN shop ON shop.id = one.shop
    WHERE chain_id = :chain AND (:id IS NULL OR one.id = :id)
    AND one.issued_at >= :since {{states}}
    ORDER BY one.row DESC LIMIT :most"""
# What a sweep can move: what the request asks for. The most first, so that dust hides nothing.
_STRAYS: Final = f"""SELECT one.id, shop.shop_id, order_id, one.chain_id, ttl, currency, one.amount, payee,
        state, issued_at, {_IS_ORDER_PAID}, one.shop
    FROM payment_transfer AS stray JOIN payment_request AS one ON one.id = stray.request
    JOIN shop ON shop.id = one.shop
    WHERE stray.chain_id = :chain AND stray.chain_id <> x'' AND stray.kind = 'stray' AND token = currency
    AND (:id IS NULL OR one.id = :id) ORDER BY stray.amount DESC LIMIT {MOST_STRAYS}"""

_META: Final = "SELECT value FROM meta WHERE key = ?"


class SweepCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and whether its order is paid, by it or by another. id: its PaymentID. shop: row id.

    decimals: of its token, on the chain where it is to be swept, if they are known.
    """

    id: bytes
    shop: int
    order_id: bytes
    request: PaymentRequest
    state: RequestState
    issued_at: int
    is_order_paid: bool
    decimals: int | None = None


def list_candidates(
    connection: sqlite3.Connection,
    chain_id: int,
    *,
    request_id: bytes | None = None,
    states: Sequence[RequestState] | None = None,
    since: int = 0,
) -> list[SweepCandidate]:
    """List up to MOST requests of a chain, the newest first.

    request_id: only this one. states: only in these. since: only issued from then on, epoch seconds.
    """
    given = {
        "chain": chain_id.to_bytes(CHAIN_ID_BYTES),
        "id": request_id,
        "since": since,
        "most": MOST,
    }
    known: dict[bytes, int | None] = {}
    # As text, so that the index of the states is used: they are constants.
    chosen = "" if states is None else f"AND one.state IN ({', '.join(repr(one.value) for one in states)})"
    rows = connection.execute(_LIST.format(states=chosen), given).fetchall()
    return [_candidate(row, _decimals(connection, known, chain_id, row[5])) for row in rows]


def list_strays(
    connection: sqlite3.Connection, chain_id: int, *, request_id: bytes | None = None
) -> list[SweepCandidate]:
    """List requests of other chains, for which what they ask for was found on this one: the most first.

    request_id: only this one.
    """
    given = {"chain": chain_id.to_bytes(CHAIN_ID_BYTES), "id": request_id}
    known: dict[bytes, int | None] = {}
    rows = connection.execute(_STRAYS, given).fetchall()
    return [_candidate(row, _decimals(connection, known, chain_id, row[5])) for row in rows]


def _decimals(
    connection: sqlite3.Connection, known: dict[bytes, int | None], chain_id: int, currency: bytes
) -> int | None:
    if currency not in known:
        found = connection.execute(_META, (decimals_key((chain_id, currency)),)).fetchone()
        known[currency] = None if found is None else int.from_bytes(found[0])
    return known[currency]


def _candidate(
    row: tuple[bytes, bytes, bytes, bytes, int, bytes, bytes, bytes, str, int, int, int],
    decimals: int | None,
) -> SweepCandidate:
    id_, shop_id, order_id, chain_id, ttl, currency, amount, payee, state, issued_at, is_paid, shop = row
    return SweepCandidate(
        id=id_,
        shop=shop,
        order_id=order_id,
        request=PaymentRequest(
            chain_id=int.from_bytes(chain_id),
            ttl=ttl,
            currency=currency,
            amount=int.from_bytes(amount),
            payee=payee,
            shop_id=int.from_bytes(shop_id),
        ),
        state=RequestState(state),
        issued_at=issued_at,
        is_order_paid=bool(is_paid),
        decimals=decimals,
    )
