-- What becomes of payment requests (spec 06 "Paid"): how much came, what it was seen by, and what a person is told.

-- In units of its currency, big-endian: all that was recorded, in time or not.
ALTER TABLE payment_request ADD COLUMN received BLOB NOT NULL DEFAULT (zeroblob(32)) CHECK (length(received) = 32);
-- Until nothing that comes for it can matter any more.
ALTER TABLE payment_request ADD COLUMN is_watched INTEGER NOT NULL DEFAULT 1 CHECK (is_watched IN (0, 1));

CREATE INDEX payment_request_watched ON payment_request (shop, row) WHERE is_watched = 1;

-- What was observed for a request. Of what vanished from the chain, nothing stays.
CREATE TABLE payment_transfer (
    request          BLOB    NOT NULL REFERENCES payment_request (id),
    kind             TEXT    NOT NULL CHECK (kind IN ('event', 'balance', 'transfer', 'stray')),
    token            BLOB    NOT NULL CHECK (length(token) = 20),            -- zero: the native coin
    transaction_hash BLOB    NOT NULL CHECK (length(transaction_hash) IN (0, 32)), -- empty: of a balance
    log_index        INTEGER NOT NULL CHECK (log_index >= 0),                -- in the block
    block_number     INTEGER NOT NULL CHECK (block_number >= 0),
    block_hash       BLOB    NOT NULL CHECK (length(block_hash) = 32),
    amount           BLOB    NOT NULL CHECK (length(amount) = 32),           -- big-endian
    is_proven        INTEGER NOT NULL CHECK (is_proven IN (0, 1)),
    is_deep          INTEGER NOT NULL CHECK (is_deep IN (0, 1)),
    PRIMARY KEY (request, kind, token, transaction_hash, log_index)
) STRICT, WITHOUT ROWID;

ALTER TABLE alert ADD COLUMN is_urgent INTEGER NOT NULL DEFAULT 0 CHECK (is_urgent IN (0, 1));
ALTER TABLE alert ADD COLUMN amount BLOB NOT NULL DEFAULT (zeroblob(32)) CHECK (length(amount) = 32);
-- How often it was raised; of one that stands for others, for how many.
ALTER TABLE alert ADD COLUMN count INTEGER NOT NULL DEFAULT 1 CHECK (count > 0);
-- What is told once, and then added up: a request and what is the matter with it; NULL: told each time.
ALTER TABLE alert ADD COLUMN told_of TEXT;

CREATE UNIQUE INDEX alert_by_told_of ON alert (told_of) WHERE told_of IS NOT NULL;
