"""Content at rest: sealed in parts, shared by files of the same bytes, and replaced when its owner has left."""
