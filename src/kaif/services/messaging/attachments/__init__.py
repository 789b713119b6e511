"""Files of messages."""
