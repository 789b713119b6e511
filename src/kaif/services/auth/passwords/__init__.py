"""Passwords: how they are hashed, which are refused, and how one is given again."""
