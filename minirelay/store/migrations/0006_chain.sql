-- How far each chain was read (spec 07 "Heads"). Numbers and times have at most 41 bits.

-- The blocks that were polled, of one fork, thinned with age.
CREATE TABLE chain_head (
    chain_id  BLOB    NOT NULL CHECK (length(chain_id) = 8), -- big-endian: it goes to 2^64-1
    number    INTEGER NOT NULL CHECK (number >= 0),
    hash      BLOB    NOT NULL CHECK (length(hash) = 32),
    parent    BLOB    NOT NULL CHECK (length(parent) = 32),
    timestamp INTEGER NOT NULL CHECK (timestamp >= 0),       -- unix seconds
    PRIMARY KEY (chain_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE chain_mark (
    chain_id   BLOB    NOT NULL CHECK (length(chain_id) = 8) PRIMARY KEY,
    scanned    INTEGER NOT NULL,                             -- all logs up to this block were read
    deep       INTEGER NOT NULL,                             -- and up to this one decided about
    final      INTEGER NOT NULL,                             -- up to here nothing will vanish
    final_time INTEGER NOT NULL                              -- of that block, unix seconds
) STRICT, WITHOUT ROWID;
