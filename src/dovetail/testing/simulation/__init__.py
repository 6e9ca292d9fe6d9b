"""Whole syncs in one process under a seed: systems that behave like real ones, people who edit, and an oracle."""
