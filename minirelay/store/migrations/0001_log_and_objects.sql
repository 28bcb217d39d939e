-- Shops, key cards, the log of patch sets with its index, and the objects that the log adds up to.
--
-- Rows of shop and key_card are never deleted: a key card can be enrolled only once, ever.

CREATE TABLE migration (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    applied_at INTEGER NOT NULL              -- unix seconds
) STRICT;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE shop (
    id          INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 8388607),   -- 23 bits: see patch_set.position
    shop_id     BLOB    NOT NULL UNIQUE CHECK (length(shop_id) = 32),   -- the token id, big-endian
    relay_nonce INTEGER NOT NULL,                                       -- the relay's own last nonce here
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE key_card (
    id          INTEGER PRIMARY KEY CHECK (id > 0),
    public_key  BLOB    NOT NULL UNIQUE CHECK (length(public_key) = 33),
    shop        INTEGER NOT NULL REFERENCES shop (id),
    wallet      BLOB    NOT NULL CHECK (length(wallet) = 20),
    is_guest    INTEGER NOT NULL CHECK (is_guest IN (0, 1)),
    last_nonce  BLOB    NOT NULL CHECK (length(last_nonce) = 8),        -- big-endian: it goes to 2^64-1
    is_unlinked INTEGER NOT NULL CHECK (is_unlinked IN (0, 1)),
    enrolled_at INTEGER NOT NULL
) STRICT;

CREATE INDEX key_card_by_shop ON key_card (shop, is_guest);

-- One row per patch set. One b-tree for all shops, in which each shop's log lies in one piece: no second
-- index is needed, and a page of the log is a run of neighbours. What is looked at while scanning comes
-- before the wide columns, so that a large set's overflow pages stay unread.
CREATE TABLE patch_set (
    position    INTEGER PRIMARY KEY,         -- shop << 40 | sequence number
    patch_count INTEGER NOT NULL CHECK (patch_count > 0),
    types       INTEGER NOT NULL,            -- of this set's patches: bit n for object type n
    listings    INTEGER NOT NULL,            -- from here: of the shop's log up to and including this set
    tags        INTEGER NOT NULL,
    orders      INTEGER NOT NULL,
    accounts    INTEGER NOT NULL,
    manifest    INTEGER NOT NULL,
    inventory   INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,
    leaves      BLOB    NOT NULL,            -- MessagePack: [[object type, object id, owner], ...]
    wire        BLOB    NOT NULL             -- as it is pushed to somebody who may see all of it
) STRICT;

-- One row per patch, by the object that it touches. owner: the key card that created the order, else 0.
CREATE TABLE patch_index (
    shop        INTEGER NOT NULL REFERENCES shop (id),
    object_type INTEGER NOT NULL,
    object_id   BLOB    NOT NULL,
    seq         INTEGER NOT NULL,
    leaf        INTEGER NOT NULL,
    owner       INTEGER NOT NULL,
    PRIMARY KEY (shop, object_type, object_id, seq, leaf)
) STRICT, WITHOUT ROWID;

CREATE INDEX patch_index_by_owner ON patch_index (shop, owner, seq, leaf) WHERE owner > 0;

-- The materialised objects. With a rowid: half the time for an insert and less room than without.
CREATE TABLE object (
    row         INTEGER PRIMARY KEY,
    shop        INTEGER NOT NULL REFERENCES shop (id),
    object_type INTEGER NOT NULL,
    key         BLOB    NOT NULL,            -- in the trie of its type; empty for the manifest
    owner       INTEGER NOT NULL,
    value       BLOB    NOT NULL,            -- canonical CBOR
    UNIQUE (shop, object_type, key)
) STRICT;
