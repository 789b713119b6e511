-- Files whose content a CDN may hold at this moment, or of which old links are still about. A link holds the generation
-- that stood here (0 where there is no row), so that a rise of it ends all of them at once. `given_until_us` is when the
-- last thing that a CDN was given here is stale; a row is needed until `until_us`, and while a purge is to be made.
-- `purge_at_us` is when the CDN is to be told next (0 never), `asked_at_us` since when, `told` how often it has been.
CREATE TABLE media_cdn (
  media_id TEXT PRIMARY KEY,
  generation BIGINT NOT NULL,
  given_until_us BIGINT NOT NULL,
  until_us BIGINT NOT NULL,
  purge_at_us BIGINT NOT NULL,
  asked_at_us BIGINT NOT NULL,
  told BIGINT NOT NULL,
  attempts BIGINT NOT NULL
);
CREATE INDEX media_cdn_purges ON media_cdn (purge_at_us);
CREATE INDEX media_cdn_until ON media_cdn (until_us);
