-- Decisions of messaging's that stand in the audit log: their news may come again.
CREATE TABLE auth_audited_reports (
  report_id TEXT PRIMARY KEY
);
