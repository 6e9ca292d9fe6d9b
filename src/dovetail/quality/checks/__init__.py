"""The shelf of checks: one file each, registered by its file name."""
