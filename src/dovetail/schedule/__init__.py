"""What is due when, and by whom: the loop of a running sync, leases, breakers, windows and pace."""
