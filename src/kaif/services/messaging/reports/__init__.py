"""What people report, and the queue of those who look at it."""
