"""Mappings compiled: cells as expression trees, read (get) and written (put)."""
