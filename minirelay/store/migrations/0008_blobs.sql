-- Files that shops show, as UnixFS blocks in `block` (spec 08, "Blobs").

-- While it is being uploaded it has no hash. Without one it is unfinished, whatever ended the upload, and removed.
CREATE TABLE blob (
    row        INTEGER PRIMARY KEY,
    hash       BLOB    UNIQUE CHECK (length(hash) = 32),    -- SHA-256 of the root block: its CID
    size       INTEGER NOT NULL CHECK (size >= 0),          -- of the file, in bytes
    media_type TEXT    NOT NULL
) STRICT;

-- Whose it is: the same bytes may have been uploaded for several shops.
CREATE TABLE shop_blob (
    shop        INTEGER NOT NULL REFERENCES shop (id),
    blob        INTEGER NOT NULL REFERENCES blob (row) ON DELETE CASCADE,
    uploaded_at INTEGER NOT NULL,                           -- unix seconds
    PRIMARY KEY (shop, blob)
) STRICT, WITHOUT ROWID;

CREATE INDEX shop_blob_by_blob ON shop_blob (blob);

-- What it consists of. place: of a leaf, where in the file it begins; of the others -1, -2, ...
CREATE TABLE blob_block (
    blob  INTEGER NOT NULL REFERENCES blob (row),
    place INTEGER NOT NULL,
    block INTEGER NOT NULL REFERENCES block (row),
    PRIMARY KEY (blob, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_block_by_block ON blob_block (block);

-- A block goes with the last blob that has it. What was kept for orders never is part of one: it is no dag-pb.
CREATE TRIGGER blob_block_removed AFTER DELETE ON blob_block
WHEN NOT EXISTS (SELECT 1 FROM blob_block WHERE block = OLD.block) BEGIN
    DELETE FROM block WHERE row = OLD.block;
END;
