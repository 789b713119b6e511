-- Of files whose owner has left and which others are still shown: when their originals are to go next; 0 of all others.
ALTER TABLE media_objects ADD COLUMN strip_at_us BIGINT NOT NULL DEFAULT 0;
CREATE INDEX media_objects_stripped ON media_objects (strip_at_us) WHERE strip_at_us > 0;
