-- Wallets whose accounts the chain may want otherwise (spec 07): named by an event, and not compared yet.
CREATE TABLE account_check (
    shop_id      BLOB    NOT NULL CHECK (length(shop_id) = 32), -- as in shop, whose row may not be stored yet
    wallet       BLOB    NOT NULL CHECK (length(wallet) = 20),
    may_be_added INTEGER NOT NULL CHECK (may_be_added IN (0, 1)), -- 0: it may only lose its account
    PRIMARY KEY (shop_id, wallet)
) STRICT, WITHOUT ROWID;

-- When a person said that it was seen to; NULL: not yet.
ALTER TABLE alert ADD COLUMN acknowledged_at INTEGER;
