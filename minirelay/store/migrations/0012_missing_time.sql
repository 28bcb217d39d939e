-- What was paid while what is here was somewhere else: before a restore or an import (spec 09, the end).

-- What came in this time is not here. Unix seconds.
CREATE TABLE missing_time (
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (since, until)
) STRICT, WITHOUT ROWID;

-- Payments for requests that nobody knows, in blocks of that time: whether they name a shop of here is to be asked yet.
CREATE TABLE unknown_payment (
    chain_id         BLOB    NOT NULL CHECK (length(chain_id) = 8),          -- big-endian: it goes to 2^64-1
    transaction_hash BLOB    NOT NULL CHECK (length(transaction_hash) = 32),
    log_index        INTEGER NOT NULL CHECK (log_index >= 0),                -- in the block
    request          BLOB    NOT NULL CHECK (length(request) = 32),          -- the PaymentID
    block_number     INTEGER NOT NULL CHECK (block_number >= 0),
    block_hash       BLOB    NOT NULL CHECK (length(block_hash) = 32),
    PRIMARY KEY (chain_id, transaction_hash, log_index)
) STRICT, WITHOUT ROWID;
