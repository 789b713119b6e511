"""Owns what people upload: takes it in piece by piece, keeps it sealed, and hands it to whoever may see it.

It never runs what it keeps, and never takes a sender's word for what a file is.
"""
