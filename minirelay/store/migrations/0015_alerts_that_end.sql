-- What is the matter, in words for a person; NULL where the other columns say it.
ALTER TABLE alert ADD COLUMN detail TEXT;
UPDATE alert SET detail = substr(told_of, length(kind) + 2)
    WHERE kind IN ('backup failed', 'restored', 'price jumped', 'anchor stuck');
-- Since when it is over by itself, like a disk that was nearly full; NULL: it is not, or never ends by itself.
ALTER TABLE alert ADD COLUMN ended_at INTEGER;
