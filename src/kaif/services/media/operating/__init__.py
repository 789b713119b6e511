"""What operators see of the store and of its work."""
