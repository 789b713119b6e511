-- The picture of a chat that was reported: empty where it had none, or something else was reported. As long as the report
-- is not decided, its file is among messaging_evidence_files.
ALTER TABLE messaging_reports ADD COLUMN picture TEXT NOT NULL DEFAULT '';
