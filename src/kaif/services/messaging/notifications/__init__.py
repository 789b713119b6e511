"""Telling devices of what their people have not seen."""
