"""Kaif Ozero: people talk, pay, trade and share media on a server of their own."""

__version__ = "0.1.0"
