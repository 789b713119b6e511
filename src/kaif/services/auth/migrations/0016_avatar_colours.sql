-- The one that the person chose, if any.
ALTER TABLE auth_users ADD COLUMN avatar_colour INTEGER;
