-- Whether any of its content was sealed by its sender, and is believed only once it was read.
ALTER TABLE media_uploads ADD COLUMN straight BIGINT NOT NULL DEFAULT 0;

-- Parts to which senders have an address in the store: what lies there is not in use yet, and its name is garbage until
-- it is. A row goes when the part is taken into use, or with the garbage.
CREATE TABLE media_straight_parts (
  part TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL,
  upload_id TEXT NOT NULL,
  start BIGINT NOT NULL,
  length BIGINT NOT NULL
);
CREATE INDEX media_straight_parts_upload ON media_straight_parts (upload_id, start);
CREATE INDEX media_straight_parts_owner ON media_straight_parts (owner_id);
