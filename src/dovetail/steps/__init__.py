"""The seven steps as verbs; each returns a value."""
