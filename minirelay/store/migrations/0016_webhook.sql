-- Events that are posted to the operator's webhook (spec 09 "Alerts"), and were not taken by it yet.

-- What is told. Nothing is kept of the rest. Empty: no webhook is set.
CREATE TABLE webhook_topic (
    name TEXT PRIMARY KEY CHECK (name IN ('alerts', 'payments'))
) STRICT, WITHOUT ROWID;

-- How often the same was told: an event is named by both, so a restored database names what it tells again as before.
CREATE TABLE webhook_told (
    key   TEXT    PRIMARY KEY,
    times INTEGER NOT NULL CHECK (times > 0)
) STRICT, WITHOUT ROWID;

-- In the order in which they came. A number is never used again: what was read of them is remembered by it.
CREATE TABLE webhook_event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    key        TEXT    NOT NULL REFERENCES webhook_told (key),
    times      INTEGER NOT NULL CHECK (times > 0),
    topic      TEXT    NOT NULL CHECK (topic IN ('alerts', 'payments')),
    stream     TEXT    NOT NULL,                                -- events of one stream are posted in their order
    state      TEXT    NOT NULL,                                -- of the payment, or an alert's kind
    request    BLOB    REFERENCES payment_request (id),         -- of a payment's event
    alert      INTEGER REFERENCES alert (id),                   -- of an alert's
    amount     BLOB    NOT NULL CHECK (length(amount) = 32),    -- what had come then; of an alert, what it said
    detail     TEXT,                                            -- of an alert, in words
    count      INTEGER NOT NULL CHECK (count > 0),
    is_urgent  INTEGER NOT NULL CHECK (is_urgent IN (0, 1)),
    is_over    INTEGER NOT NULL CHECK (is_over IN (0, 1)),      -- what an alert told of is over
    created_at INTEGER NOT NULL,                                -- unix seconds
    UNIQUE (key, times)
) STRICT;
