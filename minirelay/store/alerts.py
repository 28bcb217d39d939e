"""What a person has to know, as it is listed and acknowledged (spec 09 "Alerts")."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from typing import Final

import msgspec

from minirelay.protocol.ids import HASH_BYTES
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.decimals_rows import decimals_key

MOST_LISTED: Final = 1000
MOST_TOLD: Final = 10_000
MOST_REQUESTS: Final = 16
"""So many payment requests of an alert are named; one that a shop's owner causes may be about thousands."""

_COLUMNS: Final = f"""alert.id, kind, shop.shop_id, chain_id, address,
    coalesce(substr(request_ids, 1, {MOST_REQUESTS * HASH_BYTES}), x''), length(request_ids) / {HASH_BYTES},
    amount, count, is_urgent, raised_at, acknowledged_at, detail, ended_at
    FROM alert LEFT JOIN shop ON shop.id = alert.shop"""
_OPEN: Final = "acknowledged_at IS NULL"
_LIST: Final = f"""SELECT {_COLUMNS} WHERE :all OR {_OPEN}
    ORDER BY {_OPEN} DESC, is_urgent DESC, raised_at DESC, alert.id DESC LIMIT {MOST_LISTED}"""
_COUNT: Final = f"SELECT count(*) FROM alert WHERE :all OR {_OPEN}"
_TOLD: Final = """SELECT alert.shop, kind, told_of, raised_at, card FROM alert
    JOIN payment_request ON payment_request.id = request_ids AND payment_request.shop = alert.shop
    WHERE raised_at > ? AND NOT is_urgent AND told_of IS NOT NULL
    ORDER BY raised_at DESC, alert.id DESC LIMIT ?"""
_ONE: Final = f"SELECT {_COLUMNS} WHERE alert.id = ?"


_ORDER_OF: Final = "SELECT order_id FROM payment_request WHERE id = ?"
_META: Final = "SELECT value FROM meta WHERE key = ?"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. shop_id: None if it is of none.

    chain_id, address: of the payee or currency that it is about, if any. request_ids: the first of the
    PaymentIDs, of request_count. amount: in units of the currency, or pieces of a stock. count: how often it
    was raised. Times are epoch seconds; acknowledged_at is None while nobody has seen to it. detail: what is
    the matter, in words, where the rest does not say it. ended_at: since when it is over by itself.
    order_ids: of the orders of request_ids, each once, 8 bytes each. decimals: of the token at address,
    if known.
    """

    id: int
    kind: str
    shop_id: int | None
    chain_id: int | None
    address: bytes | None
    request_ids: tuple[bytes, ...]
    request_count: int
    amount: int
    count: int
    is_urgent: bool
    raised_at: int
    acknowledged_at: int | None
    detail: str | None = None
    ended_at: int | None = None
    order_ids: tuple[bytes, ...] = ()
    decimals: int | None = None


class AlertPage(msgspec.Struct, frozen=True):
    """The alerts that matter most, and how many there are in all."""

    alerts: tuple[Alert, ...]
    total: int


class ToldAlert(msgspec.Struct, frozen=True):
    """An alert about a payment request that counts for the limits. shop: row id. raised_at: epoch seconds.

    card: row id of the guest's card that created the order.
    """

    shop: int
    kind: str
    told_of: str
    raised_at: int
    card: int


class AlertAcknowledgement(msgspec.Struct, frozen=True):
    """A person has seen to an alert. It does nothing where there is none, or it is seen to already."""

    alert_id: int
    at: int

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return ROW_BYTES

    @property
    def epoch(self) -> None:
        """Return None: whatever the state is, it holds."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        batch.put(Kind.ACKNOWLEDGED_ALERT, (self.alert_id,), self.at)


def load_alerts(connection: sqlite3.Connection, *, with_acknowledged: bool) -> AlertPage:
    """Read what is to be seen to, urgent ones first, then the newest; what was seen to behind all others."""
    given = {"all": with_acknowledged}
    rows = connection.execute(_LIST, given).fetchall()
    (total,) = connection.execute(_COUNT, given).fetchone()
    return AlertPage(tuple([_complete(connection, _alert(*row)) for row in rows]), total)


def load_told(connection: sqlite3.Connection, since: int) -> list[ToldAlert]:
    """Read what was told of payment requests since a second, MOST_TOLD at most, the first first."""
    rows = connection.execute(_TOLD, (since, MOST_TOLD)).fetchall()
    return [ToldAlert(*row) for row in reversed(rows)]


def find_alert(connection: sqlite3.Connection, alert_id: int) -> Alert | None:
    """Look an alert up."""
    row = connection.execute(_ONE, (alert_id,)).fetchone()
    return None if row is None else _complete(connection, _alert(*row))


def _complete(connection: sqlite3.Connection, alert: Alert) -> Alert:
    found = [connection.execute(_ORDER_OF, (one,)).fetchone() for one in alert.request_ids]
    orders = dict.fromkeys(row[0] for row in found if row is not None)
    return msgspec.structs.replace(
        alert, order_ids=tuple(orders), decimals=_decimals_at(connection, alert.chain_id, alert.address)
    )


def _decimals_at(connection: sqlite3.Connection, chain_id: int | None, address: bytes | None) -> int | None:
    if chain_id is None or address is None:
        return None
    found = connection.execute(_META, (decimals_key((chain_id, address)),)).fetchone()
    return None if found is None else int.from_bytes(found[0])


def _alert(
    alert_id: int,
    kind: str,
    shop_id: bytes | None,
    chain_id: bytes | None,
    address: bytes | None,
    request_ids: bytes,
    request_count: int,
    amount: bytes,
    count: int,
    is_urgent: int,
    raised_at: int,
    acknowledged_at: int | None,
    detail: str | None,
    ended_at: int | None,
) -> Alert:
    return Alert(
        id=alert_id,
        kind=kind,
        shop_id=None if shop_id is None else int.from_bytes(shop_id),
        chain_id=None if chain_id is None else int.from_bytes(chain_id),
        address=address,
        request_ids=tuple(
            [request_ids[at : at + HASH_BYTES] for at in range(0, len(request_ids), HASH_BYTES)]
        ),
        request_count=request_count,
        amount=int.from_bytes(amount),
        count=count,
        is_urgent=bool(is_urgent),
        raised_at=raised_at,
        acknowledged_at=acknowledged_at,
        detail=detail,
        ended_at=ended_at,
    )
