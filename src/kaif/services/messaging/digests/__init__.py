"""Letters about what was missed."""
