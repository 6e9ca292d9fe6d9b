"""Everything that a run would do, as a value."""
