-- What the operator decided about payment requests (spec 06 "What the operator can do"): never changed, never deleted.
CREATE TABLE payment_decision (
    id         INTEGER PRIMARY KEY,
    request    BLOB    NOT NULL REFERENCES payment_request (id),
    decision   TEXT    NOT NULL CHECK (decision IN ('accept', 'dismiss')),
    decided_by TEXT    NOT NULL,                                -- the user of the system who asked for it
    reason     TEXT    NOT NULL,                                -- empty: none was given
    decided_at INTEGER NOT NULL                                 -- unix seconds
) STRICT;

CREATE INDEX payment_decision_by_request ON payment_decision (request);
