-- An owner's files by how much room they take.
CREATE INDEX media_objects_size ON media_objects (owner_id, size, id);
