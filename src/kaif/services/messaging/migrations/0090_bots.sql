-- Who is a program.
ALTER TABLE messaging_people ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';
