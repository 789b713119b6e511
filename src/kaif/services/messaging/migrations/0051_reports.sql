-- What people have reported. once is the reporter's own reference, which makes reporting safe to repeat.
CREATE TABLE messaging_reports (
  id TEXT PRIMARY KEY,
  reporter_id TEXT NOT NULL,
  once TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  state TEXT NOT NULL,
  taken_by TEXT NOT NULL,
  taken_at_us BIGINT NOT NULL,
  decision TEXT NOT NULL,
  note TEXT NOT NULL,
  decided_at_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX messaging_reports_once ON messaging_reports (reporter_id, once);
CREATE INDEX messaging_reports_state ON messaging_reports (state, id);

-- What was there when it was reported, be it edited or deleted since. sha256 is of entry, as it stands here.
CREATE TABLE messaging_evidence (
  report_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  reported BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  entry TEXT NOT NULL,
  PRIMARY KEY (report_id, seq)
);
