"""Bots: accounts of programs, and who answers for them."""
