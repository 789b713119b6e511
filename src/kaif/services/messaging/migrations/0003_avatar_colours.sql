ALTER TABLE messaging_people ADD COLUMN avatar_colour INTEGER;
