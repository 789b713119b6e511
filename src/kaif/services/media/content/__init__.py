"""Content at rest: sealed in parts, and read as a whole."""
