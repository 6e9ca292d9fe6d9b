"""Reports and diagrams computed from facts."""
