-- The gaps that restores left in the logs (spec 09, "Backup and restore").

CREATE TABLE gap (
    shop  INTEGER NOT NULL CHECK (shop >= 0),      -- row id; 0: each shop that comes into being from here on
    after INTEGER NOT NULL CHECK (after >= 0),     -- the restored end, 0 for an empty log
    next  INTEGER NOT NULL CHECK (next > after AND next < 1 << 40 AND next % 16384 = 0),
    PRIMARY KEY (shop, after)
) STRICT, WITHOUT ROWID;
