"""Dovetail's own memory: one file a noun."""
