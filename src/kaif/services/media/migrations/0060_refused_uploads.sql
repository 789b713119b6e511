-- Why nothing became of an upload, for whoever waits for it in another process than the one that found it out.
CREATE TABLE media_refused_uploads (
  upload_id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL,
  code TEXT NOT NULL,
  details TEXT NOT NULL,
  until_us BIGINT NOT NULL
);
CREATE INDEX media_refused_uploads_until ON media_refused_uploads (until_us);
CREATE INDEX media_refused_uploads_owner ON media_refused_uploads (owner_id);
