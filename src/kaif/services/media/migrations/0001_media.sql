-- What an owner has uploaded and is uploading is counted under the lock of this row.
CREATE TABLE media_owners (
  id TEXT PRIMARY KEY
);

-- Keys of content, each wrapped by the master key of that version.
CREATE TABLE media_keys (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  sealed TEXT NOT NULL
);
CREATE INDEX media_keys_version ON media_keys (version, id);

-- Uploads on their way, and for a while those that have come to an end: then media_id says what became of them.
-- Only whoever knows the writer's number may add to it, and a new one takes the place of the old.
CREATE TABLE media_uploads (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,
  declared_type TEXT NOT NULL,
  keep BIGINT NOT NULL,
  length BIGINT NOT NULL,
  received BIGINT NOT NULL,
  writer TEXT NOT NULL,
  created_at_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  media_id TEXT
);
CREATE INDEX media_uploads_owner ON media_uploads (owner_id);
CREATE INDEX media_uploads_expiry ON media_uploads (expires_at_us);

-- The content of an upload, and then of the file that it became, whose id is the same: pieces in their order.
CREATE TABLE media_parts (
  holder_id TEXT NOT NULL,
  start BIGINT NOT NULL,
  length BIGINT NOT NULL,
  part TEXT NOT NULL,
  PRIMARY KEY (holder_id, start)
);

CREATE TABLE media_objects (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  kind TEXT NOT NULL,
  size BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at_us BIGINT NOT NULL,
  touched_at_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX media_objects_content ON media_objects (owner_id, sha256);
CREATE INDEX media_objects_touched ON media_objects (touched_at_us);

-- Why a file stays: its owner keeps it, or something of a service shows it to an audience, such as a chat.
CREATE TABLE media_references (
  media_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  reference TEXT NOT NULL,
  audience TEXT NOT NULL,
  created_at_us BIGINT NOT NULL,
  PRIMARY KEY (media_id, holder, reference)
);

-- Parts that nothing needs, and those that are only being written: what is written becomes a part of an upload in the
-- transaction that takes it off this list, and never once it was taken away.
CREATE TABLE media_garbage (
  part TEXT PRIMARY KEY,
  due_at_us BIGINT NOT NULL,
  taken BIGINT NOT NULL
);
CREATE INDEX media_garbage_due ON media_garbage (due_at_us);
