-- What checkout remembers beside the log (spec 06). Which orders are live is not stored: the objects tell.

-- One row per order that holds stock, or whose hour goes on though it holds none. What lapsed may still be here.
CREATE TABLE reservation (
    shop           INTEGER NOT NULL REFERENCES shop (id),
    order_id       BLOB    NOT NULL CHECK (length(order_id) = 8),
    card           INTEGER NOT NULL CHECK (card >= 0),           -- of the guest who created the order, else 0
    units          BLOB    NOT NULL,                             -- MessagePack: [[key of the stock, units], ...]
    ends_at        INTEGER NOT NULL,                             -- unix seconds
    is_chosen      INTEGER NOT NULL CHECK (is_chosen IN (0, 1)), -- a payment choice has set the end
    hold           INTEGER NOT NULL CHECK (hold BETWEEN 0 AND 2),
    extended_until INTEGER NOT NULL,                             -- unix seconds; 0: never was
    PRIMARY KEY (shop, order_id)
) STRICT, WITHOUT ROWID;

-- One row per payment request, in the order of issue. Never deleted: money may come at any time.
CREATE TABLE payment_request (
    row             INTEGER PRIMARY KEY,
    shop            INTEGER NOT NULL REFERENCES shop (id),
    id              BLOB    NOT NULL UNIQUE CHECK (length(id) = 32),           -- the PaymentID
    order_id        BLOB    NOT NULL CHECK (length(order_id) = 8),
    card            INTEGER NOT NULL CHECK (card >= 0),                        -- as in reservation
    chain_id        BLOB    NOT NULL CHECK (length(chain_id) = 8),             -- big-endian: it goes to 2^64-1
    ttl             INTEGER NOT NULL,                                          -- unix seconds
    currency        BLOB    NOT NULL CHECK (length(currency) = 20),
    amount          BLOB    NOT NULL CHECK (length(amount) = 32),              -- big-endian
    payee           BLOB    NOT NULL CHECK (length(payee) = 20),
    pricing_chain   BLOB    NOT NULL CHECK (length(pricing_chain) = 8),
    pricing_address BLOB    NOT NULL CHECK (length(pricing_address) = 20),
    price           BLOB    NOT NULL CHECK (length(price) = 32),               -- in that currency's units
    region          TEXT    NOT NULL,
    listing_hashes  BLOB    NOT NULL CHECK (length(listing_hashes) % 32 = 0),  -- end to end, keys of block
    issued_at       INTEGER NOT NULL,                                          -- unix seconds
    issued_at_block INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    is_dead         INTEGER NOT NULL CHECK (is_dead IN (0, 1))
) STRICT;

CREATE INDEX payment_request_by_order ON payment_request (shop, order_id);
CREATE INDEX payment_request_by_ttl ON payment_request (shop, ttl);

-- Bytes by their hash, of all shops. With a rowid: they may be long.
CREATE TABLE block (
    row       INTEGER PRIMARY KEY,
    hash      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),    -- SHA-256
    data      BLOB    NOT NULL,
    is_served INTEGER NOT NULL CHECK (is_served IN (0, 1))          -- 0: kept only, like a listing as it was sold
) STRICT;

-- What a person has to know.
CREATE TABLE alert (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
    shop        INTEGER REFERENCES shop (id),                       -- NULL: of no shop
    chain_id    BLOB    CHECK (length(chain_id) = 8),               -- of what it is about, as above; or NULL
    address     BLOB    CHECK (length(address) = 20),
    request_ids BLOB    NOT NULL CHECK (length(request_ids) % 32 = 0),
    raised_at   INTEGER NOT NULL                                    -- unix seconds
) STRICT;
