"""Chats and their logs: who is in a chat, what was said in which order, and how far each one has read.

It gives every entry its place in the same transaction that makes it durable, and never writes
anything per member when a message is sent.
"""
