"""The shelf of connectors: one file or folder each, registered by its name."""
