-- One row: of whom a second factor is required, "optional" (nobody), "operators" or "everyone"; and since when.
CREATE TABLE auth_required_factors (
  id INTEGER PRIMARY KEY,
  mode TEXT NOT NULL,
  changed_at_us BIGINT NOT NULL
);
INSERT INTO auth_required_factors (id, mode, changed_at_us) VALUES (1, 'optional', 0);
