-- Whether it came before the request's TTL, by the time of its block: what came later pays nothing.
ALTER TABLE payment_transfer ADD COLUMN is_in_time INTEGER NOT NULL DEFAULT 1 CHECK (is_in_time IN (0, 1));
