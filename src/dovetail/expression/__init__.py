"""The expression language: SQL scalar expressions, checked, typed and inverted; no evaluation here."""
