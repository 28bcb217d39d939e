-- What was found at a payment address on another chain than the request's, and what was searched (spec 06, "stray").

CREATE TABLE payment_transfer_by_chain (
    request          BLOB    NOT NULL REFERENCES payment_request (id),
    kind             TEXT    NOT NULL CHECK (kind IN ('event', 'balance', 'transfer', 'stray')),
    token            BLOB    NOT NULL CHECK (length(token) = 20),            -- zero: the native coin
    transaction_hash BLOB    NOT NULL CHECK (length(transaction_hash) IN (0, 32)), -- empty: of a balance
    log_index        INTEGER NOT NULL CHECK (log_index >= 0),                -- in the block
    chain_id         BLOB    NOT NULL CHECK (length(chain_id) IN (0, 8)),    -- big-endian; empty: the request's own
    block_number     INTEGER NOT NULL CHECK (block_number >= 0),
    block_hash       BLOB    NOT NULL CHECK (length(block_hash) = 32),
    amount           BLOB    NOT NULL CHECK (length(amount) = 32),           -- big-endian
    is_proven        INTEGER NOT NULL CHECK (is_proven IN (0, 1)),
    is_deep          INTEGER NOT NULL CHECK (is_deep IN (0, 1)),
    is_in_time       INTEGER NOT NULL DEFAULT 1 CHECK (is_in_time IN (0, 1)), -- of what came later, nothing is paid
    PRIMARY KEY (request, kind, token, transaction_hash, log_index, chain_id)
) STRICT, WITHOUT ROWID;

INSERT INTO payment_transfer_by_chain SELECT request, kind, token, transaction_hash, log_index, x'',
    block_number, block_hash, amount, is_proven, is_deep, is_in_time FROM payment_transfer;
DROP TABLE payment_transfer;
ALTER TABLE payment_transfer_by_chain RENAME TO payment_transfer;

CREATE INDEX payment_transfer_elsewhere ON payment_transfer (chain_id, request) WHERE chain_id <> x'';

-- At whose addresses was searched for what they do not ask for, on each chain. What is missing here is searched again.
CREATE TABLE stray_search (
    request  BLOB    NOT NULL REFERENCES payment_request (id),
    chain_id BLOB    NOT NULL CHECK (length(chain_id) = 8),                  -- big-endian: it goes to 2^64-1
    is_read  INTEGER NOT NULL CHECK (is_read IN (0, 1)),                     -- 0: given up, something did not answer
    PRIMARY KEY (request, chain_id)
) STRICT, WITHOUT ROWID;
