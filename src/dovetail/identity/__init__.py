"""Which rows are the same thing: pairing by natural key."""
