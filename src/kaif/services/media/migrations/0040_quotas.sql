-- How much people may keep, where an operator has said so: of a role by its name, or of a person by their id. Null is
-- what is not said here: then the default of the role counts, or what the person's roles give.
CREATE TABLE media_quotas (
  kind TEXT NOT NULL CHECK (kind IN ('role', 'person')),
  holder TEXT NOT NULL,
  file_max BIGINT,
  total_max BIGINT,
  PRIMARY KEY (kind, holder)
);
