-- Who wrote each set, as a fact, and with which keys the relay itself has signed.
--
-- Key cards don't tell: anybody may have enrolled the relay's key as one, and its key may be replaced.

-- 0 for the relay, else the key card (key_card.id). NULL in sets from before this migration only: their author
-- is found by their signer. Behind the wide columns: whoever looks at it reads those anyway.
ALTER TABLE patch_set ADD COLUMN author INTEGER CHECK (author >= 0);

-- The sets up to and including this number may have no author; 0 in shops that came later.
ALTER TABLE shop ADD COLUMN authors_after INTEGER NOT NULL DEFAULT 0;

UPDATE shop SET authors_after = coalesce((
    SELECT max(position) & 0xffffffffff FROM patch_set
    WHERE position BETWEEN shop.id << 40 AND shop.id << 40 | 0xffffffffff
), 0);

-- The relay's own public keys, each kept in the transaction of the first set that it signed.
CREATE TABLE relay_signer (
    public_key BLOB PRIMARY KEY NOT NULL CHECK (length(public_key) = 33)
) STRICT, WITHOUT ROWID;
