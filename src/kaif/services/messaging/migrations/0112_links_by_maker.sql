-- People take along what they have made.
CREATE INDEX messaging_links_maker ON messaging_links (made_by);
