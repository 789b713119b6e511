"""Posts of channels: their comments and views."""
