-- What was made of a file, whose content is kept as that of a file is: sealed, under a key of its own, by this id.
-- What is not `lasting` can be made again at any time, so what was used longest ago goes when there is too much of it.
CREATE TABLE media_renditions (
  id TEXT PRIMARY KEY,
  media_id TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  size BIGINT NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  lasting BIGINT NOT NULL,
  used_at_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX media_renditions_name ON media_renditions (media_id, name);
CREATE INDEX media_renditions_used ON media_renditions (lasting, used_at_us);

-- Who is making one just now: everyone else waits for it.
CREATE TABLE media_makers (
  media_id TEXT NOT NULL,
  name TEXT NOT NULL,
  maker TEXT NOT NULL,
  until_us BIGINT NOT NULL,
  PRIMARY KEY (media_id, name)
);
