-- The same content under several names is several files, whose parts are kept once: a part goes with the last of them.
DROP INDEX media_objects_content;
CREATE INDEX media_objects_content ON media_objects (owner_id, sha256);
CREATE INDEX media_parts_part ON media_parts (part);
