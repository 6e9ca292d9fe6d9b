"""What authors of connectors and users test with."""
