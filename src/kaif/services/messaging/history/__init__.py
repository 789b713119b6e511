"""Histories of chats as files."""
