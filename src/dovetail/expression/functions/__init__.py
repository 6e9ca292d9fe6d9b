"""The shelf of functions: one file each, registered by its file name."""
