"""What waits for its time: scheduled messages, reminders, and messages that vanish."""
