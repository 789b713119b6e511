"""What operators do about people, and about events that were set aside."""
