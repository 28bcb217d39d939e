"""One statement for a whole batch.

`sqlite3` gives the interpreter lock away at every statement, and while the event loop is busy it can take
many milliseconds to get it back. A transaction of 64 writes took half a second as 258 statements, 36 ms as
six, 9 ms as one (measured beside a busy loop; `one_step.py` is the same for reading). So a batch is one
INSERT of many rows into a view of the writing connection's own, whose triggers put each row where
it belongs. The statement is its own transaction: all of it is stored, or nothing.

The view and its triggers are temporary: they are no part of the schema.
"""

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from minirelay.store.connection import rolled_back_on_error
from minirelay.store.webhook_triggers import CANCELED_ORDER, create_webhook_triggers

Parameter = int | bytes | str | None


class Kind(IntEnum):
    """What a row of the bulk insert is. NOTHING fills a statement up. The first ones are most of all rows."""

    NOTHING = 0
    PATCH_SET = 1
    PATCH = 2
    OBJECT = 3
    NONCE = 4
    SHOP = 5
    KEY_CARD = 6
    NO_OBJECT = 7
    RELAY_NONCE = 8
    UNLINKED = 9
    META = 10
    RELAY_SIGNER = 11
    PIECE = 12
    RESERVATION = 13
    NO_RESERVATION = 14
    PAYMENT_REQUEST = 15
    REQUEST_STATE = 16
    BLOCK = 17
    ALERT = 18
    CHAIN_HEAD = 19
    NO_CHAIN_HEAD = 20
    CHAIN_MARK = 21
    PAYMENT_TRANSFER = 22
    NO_PAYMENT_TRANSFER = 23
    PAYMENT_ALERT = 24
    ALERT_AMOUNT = 25
    BLOB = 26
    BLOB_BLOCK = 27
    WHOLE_BLOB = 28
    UNSERVED_BLOB = 29
    NO_BLOB_BLOCKS = 30
    NO_BLOB = 31
    META_LATEST = 32
    ACCOUNT_CHECK = 33
    NO_ACCOUNT_CHECK = 34
    ACKNOWLEDGED_ALERT = 35
    PAYMENT_DECISION = 36
    OPERATOR_ALERT = 37
    ENDED_ALERT = 38
    UNKNOWN_PAYMENT = 39
    NO_UNKNOWN_PAYMENT = 40
    NEEDLESS_ALERT = 41
    WEBHOOK_TOPICS = 42
    NO_WEBHOOK_EVENT = 43
    CANCELED_ORDER = 44
    STRAY_SEARCH = 45
    PATCHES = 46
    OBJECTS = 47


# SQLite calls each trigger of a view for each row, also those whose condition fails. So the view has triggers
# for these kinds only, and one that passes all others on to a second view.
_LAST_FREQUENT = Kind.NONCE

WIDTH = 13

# What becomes of a row of each kind; v1, v2, ... are the values that were given to Rows.add. What the
# schema can't express is checked here: a log without gaps but those of `gap`, updates that meet their row.
_ACTIONS = {
    Kind.SHOP: """INSERT INTO shop (id, shop_id, relay_nonce, created_at) VALUES (v1, v2, v3, v4);
        INSERT INTO gap (shop, after, next) SELECT v1, 0, next FROM gap WHERE shop = 0;""",
    Kind.KEY_CARD: """INSERT INTO key_card
        (id, public_key, shop, wallet, is_guest, last_nonce, is_unlinked, enrolled_at)
        VALUES (v1, v2, v3, v4, v5, v6, v7, v8);""",
    Kind.PATCH_SET: """INSERT INTO patch_set
        (position, patch_count, types, listings, tags, orders, accounts, manifest, inventory, size_bytes,
        leaves, wire, author) VALUES (v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13);
        SELECT RAISE(ABORT, 'a gap in the log') FROM (
            SELECT coalesce(max(position), v1 >> 40 << 40) AS last FROM patch_set
            WHERE position > v1 >> 40 << 40 AND position < v1
        ) WHERE v1 <> coalesce(
            (SELECT v1 >> 40 << 40 | next FROM gap WHERE shop = v1 >> 40 AND after = last & 0xffffffffff),
            last + 1
        );""",
    Kind.PATCH: """INSERT INTO patch_index (shop, object_type, object_id, seq, leaf, owner)
        VALUES (v1, v2, v3, v4, v5, v6);""",
    Kind.OBJECT: """INSERT INTO object (shop, object_type, key, owner, value, pieces)
        VALUES (v1, v2, v3, v4, v5, v6) ON CONFLICT (shop, object_type, key)
        DO UPDATE SET owner = excluded.owner, value = excluded.value, pieces = excluded.pieces;""",
    Kind.PIECE: """INSERT INTO object_piece (position, value)
        SELECT row << 20 | v4, v5 FROM object WHERE shop = v1 AND object_type = v2 AND key = v3
        ON CONFLICT (position) DO UPDATE SET value = excluded.value;
        SELECT RAISE(ABORT, 'no such object') WHERE changes() = 0;""",
    # Rows of the two kinds above that differ in little: see `packs.py`.
    Kind.PATCHES: """INSERT INTO patch_index (shop, object_type, object_id, seq, leaf, owner)
        SELECT v1, v2, substr(v3, key * v4 + 1, v4), value >> 20, value & 0xfffff, v5 FROM json_each(v6);""",
    Kind.OBJECTS: """INSERT INTO object (shop, object_type, key, owner, value, pieces)
        SELECT v1, v2, substr(v3, each.key * v4 + 1, v4), v5,
            substr(v6, each.value >> 12, each.value & 0xfff), 0
        FROM json_each(v7) AS each WHERE true ON CONFLICT (shop, object_type, key)
        DO UPDATE SET owner = excluded.owner, value = excluded.value, pieces = excluded.pieces;""",
    Kind.NO_OBJECT: "DELETE FROM object WHERE shop = v1 AND object_type = v2 AND key = v3;",
    Kind.NONCE: """UPDATE key_card SET last_nonce = v2 WHERE id = v1;
        SELECT RAISE(ABORT, 'no such key card') WHERE changes() = 0;""",
    Kind.RELAY_NONCE: """UPDATE shop SET relay_nonce = v2 WHERE id = v1;
        SELECT RAISE(ABORT, 'no such shop') WHERE changes() = 0;""",
    Kind.UNLINKED: """UPDATE key_card SET is_unlinked = 1 WHERE id = v1;
        SELECT RAISE(ABORT, 'no such key card') WHERE changes() = 0;""",
    # Of byte strings of one length, the greater one is the later number.
    Kind.META_LATEST: """INSERT INTO meta (key, value) VALUES (v1, v2)
        ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value);""",
    Kind.META: """INSERT INTO meta (key, value) VALUES (v1, v2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value;""",
    Kind.RELAY_SIGNER: "INSERT INTO relay_signer (public_key) VALUES (v1) ON CONFLICT DO NOTHING;",
    Kind.RESERVATION: """INSERT INTO reservation
        (shop, order_id, card, units, ends_at, is_chosen, hold, extended_until)
        VALUES (v1, v2, v3, v4, v5, v6, v7, v8) ON CONFLICT (shop, order_id) DO UPDATE SET
        card = excluded.card, units = excluded.units, ends_at = excluded.ends_at,
        is_chosen = excluded.is_chosen, hold = excluded.hold, extended_until = excluded.extended_until;""",
    Kind.NO_RESERVATION: "DELETE FROM reservation WHERE shop = v1 AND order_id = v2;",
    # v3: what has a fixed length, end to end, since a row of its own for each would be wider than all others.
    Kind.PAYMENT_REQUEST: """INSERT INTO payment_request
        (shop, card, id, order_id, chain_id, currency, amount, payee, pricing_chain, pricing_address, price,
        ttl, region, listing_hashes, issued_at, issued_at_block, state, is_dead)
        VALUES (v1, v2, substr(v3, 1, 32), substr(v3, 33, 8), substr(v3, 41, 8), substr(v3, 49, 20),
        substr(v3, 69, 32), substr(v3, 101, 20), substr(v3, 121, 8), substr(v3, 129, 20), substr(v3, 149),
        v4, v5, v6, v7, v8, v9, v10);""",
    Kind.REQUEST_STATE: """UPDATE payment_request
        SET state = v2, is_dead = v3, received = v4, is_watched = v5 WHERE id = v1;
        SELECT RAISE(ABORT, 'no such payment request') WHERE changes() = 0;""",
    Kind.BLOCK: "INSERT INTO block (hash, data, is_served) VALUES (v1, v2, v3) ON CONFLICT DO NOTHING;",
    Kind.ALERT: """INSERT INTO alert (kind, shop, chain_id, address, request_ids, raised_at)
        VALUES (v1, v2, v3, v4, v5, v6);""",
    Kind.CHAIN_HEAD: """INSERT INTO chain_head (chain_id, number, hash, parent, timestamp)
        VALUES (v1, v2, v3, v4, v5) ON CONFLICT (chain_id, number) DO UPDATE SET
        hash = excluded.hash, parent = excluded.parent, timestamp = excluded.timestamp;""",
    Kind.NO_CHAIN_HEAD: "DELETE FROM chain_head WHERE chain_id = v1 AND number = v2;",
    Kind.CHAIN_MARK: """INSERT INTO chain_mark (chain_id, scanned, deep, final, final_time)
        VALUES (v1, v2, v3, v4, v5) ON CONFLICT (chain_id) DO UPDATE SET scanned = excluded.scanned,
        deep = excluded.deep, final = excluded.final, final_time = excluded.final_time;""",
    Kind.PAYMENT_TRANSFER: """INSERT INTO payment_transfer (request, kind, token, transaction_hash, log_index,
        chain_id, block_number, block_hash, amount, is_proven, is_deep, is_in_time)
        VALUES (v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12)
        ON CONFLICT (request, kind, token, transaction_hash, log_index, chain_id) DO UPDATE SET
        block_number = excluded.block_number, block_hash = excluded.block_hash, amount = excluded.amount,
        is_proven = excluded.is_proven, is_deep = excluded.is_deep, is_in_time = excluded.is_in_time;""",
    Kind.NO_PAYMENT_TRANSFER: """DELETE FROM payment_transfer
        WHERE request = v1 AND kind = v2 AND token = v3 AND transaction_hash = v4 AND log_index = v5
        AND chain_id = v6;""",
    # What a person has seen to is to be seen to again when there is more of it.
    Kind.PAYMENT_ALERT: """INSERT INTO alert
        (kind, shop, chain_id, address, request_ids, raised_at, is_urgent, amount, count, told_of)
        VALUES (v1, v2, v3, v4, v5, v6, v7, v8, v9, v10)
        ON CONFLICT (told_of) WHERE told_of IS NOT NULL DO UPDATE SET raised_at = excluded.raised_at,
        is_urgent = max(is_urgent, excluded.is_urgent), amount = excluded.amount,
        count = count + excluded.count, ended_at = NULL,
        acknowledged_at = CASE WHEN amount = excluded.amount AND request_ids <> x'' AND ended_at IS NULL
        THEN acknowledged_at END;""",
    Kind.OPERATOR_ALERT: """INSERT INTO alert (kind, request_ids, raised_at, is_urgent, told_of, detail)
        VALUES (v1, x'', v2, v3, v4, v5)
        ON CONFLICT (told_of) WHERE told_of IS NOT NULL DO UPDATE SET raised_at = excluded.raised_at,
        is_urgent = max(is_urgent, excluded.is_urgent), detail = excluded.detail, count = count + 1,
        acknowledged_at = NULL, ended_at = NULL;""",
    # Nobody has to see to it any more, and whoever looks for it sees since when.
    Kind.NEEDLESS_ALERT: """UPDATE alert SET ended_at = v2, acknowledged_at = coalesce(acknowledged_at, v2)
        WHERE told_of = v1 AND ended_at IS NULL;""",
    Kind.ENDED_ALERT: "UPDATE alert SET ended_at = v2 WHERE told_of = v1 AND ended_at IS NULL;",
    Kind.ALERT_AMOUNT: """UPDATE alert SET amount = v2, raised_at = v3, count = count + v4,
        ended_at = NULL, acknowledged_at = CASE WHEN amount = v2 AND request_ids <> x'' AND ended_at IS NULL
        THEN acknowledged_at END
        WHERE told_of = v1;""",
    Kind.BLOB: "INSERT INTO blob (row, size, media_type) VALUES (v1, 0, '');",
    Kind.BLOB_BLOCK: """INSERT INTO blob_block (blob, place, block)
        SELECT v1, v2, row FROM block WHERE hash = v3;
        SELECT RAISE(ABORT, 'no such block') WHERE changes() = 0;""",
    # The same bytes may be there already: then that blob is the shop's too, and this one is removed later.
    Kind.WHOLE_BLOB: """UPDATE OR IGNORE blob SET hash = v2, size = v3, media_type = v4 WHERE row = v1;
        INSERT INTO shop_blob (shop, blob, uploaded_at) SELECT v5, row, v6 FROM blob WHERE hash = v2
        ON CONFLICT DO NOTHING;
        SELECT RAISE(ABORT, 'no such blob') WHERE NOT EXISTS (SELECT 1 FROM blob WHERE hash = v2);""",
    Kind.UNSERVED_BLOB: """DELETE FROM shop_blob WHERE blob = v1;
        UPDATE blob SET hash = NULL WHERE row = v1;""",
    Kind.NO_BLOB_BLOCKS: """DELETE FROM blob_block WHERE blob = v1 AND place IN
        (SELECT place FROM blob_block WHERE blob = v1 ORDER BY place LIMIT v2);""",
    Kind.NO_BLOB: "DELETE FROM blob WHERE row = v1 AND hash IS NULL;",
    Kind.ACCOUNT_CHECK: """INSERT INTO account_check (shop_id, wallet, may_be_added) VALUES (v1, v2, v3)
        ON CONFLICT (shop_id, wallet) DO UPDATE SET may_be_added = excluded.may_be_added;""",
    Kind.ACKNOWLEDGED_ALERT: """UPDATE alert SET acknowledged_at = v2
        WHERE id = v1 AND acknowledged_at IS NULL;""",
    Kind.PAYMENT_DECISION: """INSERT INTO payment_decision (request, decision, decided_by, reason, decided_at)
        VALUES (v1, v2, v3, v4, v5);""",
    Kind.UNKNOWN_PAYMENT: """INSERT INTO unknown_payment
        (chain_id, transaction_hash, log_index, request, block_number, block_hash)
        VALUES (v1, v2, v3, v4, v5, v6) ON CONFLICT (chain_id, transaction_hash, log_index)
        DO UPDATE SET request = excluded.request, block_number = excluded.block_number,
        block_hash = excluded.block_hash;""",
    Kind.NO_UNKNOWN_PAYMENT: """DELETE FROM unknown_payment
        WHERE chain_id = v1 AND transaction_hash = v2 AND log_index = v3;""",
    Kind.NO_ACCOUNT_CHECK: "DELETE FROM account_check WHERE shop_id = v1 AND wallet = v2;",
    Kind.WEBHOOK_TOPICS: """DELETE FROM webhook_topic;
        INSERT INTO webhook_topic (name) SELECT 'alerts' WHERE v1 UNION ALL SELECT 'payments' WHERE v2;
        DELETE FROM webhook_event WHERE topic NOT IN (SELECT name FROM webhook_topic);""",
    Kind.NO_WEBHOOK_EVENT: "DELETE FROM webhook_event WHERE id = v1;",
    Kind.CANCELED_ORDER: CANCELED_ORDER,
    # Searched again, something may have answered; but what is known once stays so.
    Kind.STRAY_SEARCH: """INSERT INTO stray_search (request, chain_id, is_read) VALUES (v1, v2, v3)
        ON CONFLICT (request, chain_id) DO UPDATE SET is_read = max(is_read, excluded.is_read);""",
}

# Statements exist for these numbers of rows only, so that each is prepared once. The largest stays
# below SQLite's default of 32,766 parameters.
_SIZES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
# Numbers, not None: for all but `int`, `float` and `str`, Python looks for an adapter each time, which costs
# ten times as much as handing it over.
_FILLER: tuple[Parameter, ...] = (int(Kind.NOTHING), *[0] * WIDTH)


@dataclass(frozen=True, slots=True)
class Statement:
    """An INSERT of one of the known numbers of rows, and its parameters."""

    sql: str
    parameters: list[Parameter]


class Rows:
    """The rows of one transaction, flat."""

    def __init__(self) -> None:
        """Start without a row."""
        self._parameters: list[Parameter] = []
        self._count = 0
        self._more_in_packs = 0

    def __len__(self) -> int:
        """Count the rows; those of a pack one by one."""
        return self._count + self._more_in_packs

    @property
    def size_bytes(self) -> int:
        """Count the bytes of what the rows hold, eight for each number but 0."""
        held = (one for one in self._parameters if one)
        return sum(len(one) if isinstance(one, bytes | str) else 8 for one in held)

    def add(self, kind: Kind, *values: Parameter) -> None:
        """Add a row; values: those that the kind's action names."""
        self._parameters.append(+kind)  # no member of an enumeration: see _FILLER
        self._parameters.extend(values)
        self._parameters.extend(_PADDING[len(values)])
        self._count += 1

    def add_pack(self, count: int, kind: Kind, *values: Parameter) -> None:
        """Add so many rows as one, of a kind that SQLite takes apart."""
        self.add(kind, *values)
        self._more_in_packs += count - 1

    def statements(self) -> list[Statement]:
        """Cut the rows into as few statements as possible; usually one."""
        largest = _SIZES[-1]
        return [
            self._statement(start, min(largest, self._count - start))
            for start in range(0, self._count, largest)
        ]

    def _statement(self, start: int, count: int) -> Statement:
        size = next(size for size in _SIZES if size >= count)
        parameters = self._parameters[start * (WIDTH + 1) : (start + count) * (WIDTH + 1)]
        parameters.extend(_FILLER * (size - count))
        return Statement(_INSERTS[size], parameters)


_VALUES = [f"v{number}" for number in range(1, WIDTH + 1)]
_PADDING = [(0,) * (WIDTH - count) for count in range(WIDTH + 1)]
_ROW = "(" + ", ".join("?" * (WIDTH + 1)) + ")"
_INSERTS = {size: f"INSERT INTO bulk_insert VALUES {', '.join([_ROW] * size)}" for size in _SIZES}  # noqa: S608


def create_bulk_insert(connection: sqlite3.Connection) -> None:
    """Make the views and their triggers, and those of events, for as long as this connection lives."""
    _create_view(connection, "bulk_insert", [kind for kind in _ACTIONS if kind <= _LAST_FREQUENT])
    _create_view(connection, "bulk_insert_rare", [kind for kind in _ACTIONS if kind > _LAST_FREQUENT])
    passed_on = f"INSERT INTO bulk_insert_rare VALUES (NEW.kind, {', '.join(_VALUES)});"  # noqa: S608
    _create_trigger(connection, "bulk_insert", "rare", f"> {_LAST_FREQUENT:d}", passed_on)
    create_webhook_triggers(connection)


def _create_view(connection: sqlite3.Connection, view: str, kinds: Iterable[Kind]) -> None:
    nulls = ", ".join(["NULL"] * (WIDTH + 1))
    connection.execute(f"CREATE TEMP VIEW {view} (kind, {', '.join(_VALUES)}) AS SELECT {nulls}")
    for kind in kinds:
        _create_trigger(connection, view, kind.name.lower(), f"= {kind:d}", _ACTIONS[kind])


def _create_trigger(connection: sqlite3.Connection, view: str, name: str, kinds: str, action: str) -> None:
    body = re.sub(r"\bv(\d+)\b", r"NEW.v\1", action)
    event = f"INSTEAD OF INSERT ON {view} WHEN NEW.kind {kinds}"
    connection.execute(f"CREATE TEMP TRIGGER {view}_{name} {event} BEGIN {body} END")


def store(connection: sqlite3.Connection, statements: list[Statement]) -> None:
    """Carry out the statements in one transaction. Raises sqlite3.Error; then nothing of it is stored."""
    if len(statements) == 1:
        connection.execute(statements[0].sql, statements[0].parameters)
        return
    with rolled_back_on_error(connection):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement.sql, statement.parameters)
        connection.execute("COMMIT")
