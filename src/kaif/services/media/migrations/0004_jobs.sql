-- What is still to be made of files: one row for each, joined to the transaction that stores the file. What is done
-- already is told by the renditions that are there. Whoever works at one has it until `until_us`, and says so again and
-- again; a process that died is replaced. The smallest `priority` goes first. What fails too often is parked.
CREATE TABLE media_jobs (
  media_id TEXT PRIMARY KEY,
  priority BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  due_at_us BIGINT NOT NULL,
  worker TEXT NOT NULL,
  until_us BIGINT NOT NULL,
  error TEXT NOT NULL,
  parked_at_us BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL
);
CREATE INDEX media_jobs_next ON media_jobs (parked_at_us, priority, due_at_us);
