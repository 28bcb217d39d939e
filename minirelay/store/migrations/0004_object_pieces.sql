-- Large objects in pieces of 4,000 bytes: one more key card of a shop's guests, who all share one account, wrote
-- the whole account again. A piece with its row fits a page; more would take an overflow page besides.

-- How many pieces of it lie in object_piece; object.value is the one before them.
ALTER TABLE object ADD COLUMN pieces INTEGER NOT NULL DEFAULT 0 CHECK (pieces >= 0);

CREATE TABLE object_piece (
    position INTEGER PRIMARY KEY,            -- object.row << 20 | number of the piece, from 1
    value    BLOB    NOT NULL
) STRICT;

WITH RECURSIVE piece (row, number, size) AS (
    SELECT row, 1, length(value) FROM object WHERE length(value) > 4000
    UNION ALL
    SELECT row, number + 1, size FROM piece WHERE (number + 1) * 4000 < size
)
INSERT INTO object_piece (position, value)
SELECT piece.row << 20 | number, substr(object.value, number * 4000 + 1, 4000)
FROM piece JOIN object ON object.row = piece.row;

UPDATE object SET pieces = (length(value) - 1) / 4000, value = substr(value, 1, 4000)
WHERE length(value) > 4000;

CREATE TRIGGER object_shortened AFTER UPDATE OF pieces ON object WHEN NEW.pieces < OLD.pieces BEGIN
    DELETE FROM object_piece
    WHERE position > (NEW.row << 20 | NEW.pieces) AND position <= (NEW.row << 20 | 0xfffff);
END;

CREATE TRIGGER object_removed AFTER DELETE ON object WHEN OLD.pieces > 0 BEGIN
    DELETE FROM object_piece
    WHERE position > OLD.row << 20 AND position <= (OLD.row << 20 | 0xfffff);
END;
