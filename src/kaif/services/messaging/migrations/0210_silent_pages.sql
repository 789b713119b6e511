-- A page that nobody is to ask for either is being read or does not answer; by the time alone, which each process tells
-- by its own clock, the one was taken for the other.
ALTER TABLE messaging_pages ADD COLUMN silent BIGINT NOT NULL DEFAULT 0;
