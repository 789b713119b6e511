-- In a topic with chosen_only write, besides admins, those who are chosen there.
ALTER TABLE messaging_topics ADD COLUMN chosen_only BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_topic_members ADD COLUMN chosen BIGINT NOT NULL DEFAULT 0;
