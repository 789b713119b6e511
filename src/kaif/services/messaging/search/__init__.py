"""Searching in messages, and the index behind the logs."""
