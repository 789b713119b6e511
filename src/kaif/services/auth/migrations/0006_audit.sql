-- What happened, in one chain: each hash covers its row and the hash before it, under a key that the database does not hold.
CREATE TABLE auth_audit (
  seq INTEGER PRIMARY KEY,
  at_us INTEGER NOT NULL,
  action TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  details TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE INDEX auth_audit_action ON auth_audit (action, seq);
CREATE INDEX auth_audit_actor ON auth_audit (actor_id, seq);
CREATE INDEX auth_audit_subject ON auth_audit (subject_id, seq);

-- One row: the end of the chain, locked by whoever appends.
CREATE TABLE auth_audit_head (
  id INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO auth_audit_head (id, seq, hash) VALUES (1, 0, '');

CREATE TRIGGER auth_audit_no_update BEFORE UPDATE ON auth_audit BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER auth_audit_no_delete BEFORE DELETE ON auth_audit BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
