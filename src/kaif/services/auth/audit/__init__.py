"""The audit log: a chain that nobody changes unnoticed."""
