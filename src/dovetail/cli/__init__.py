"""The command line: parse, call a step, print."""
