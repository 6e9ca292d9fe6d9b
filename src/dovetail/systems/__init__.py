"""The joined systems: protocol, registry and connectors."""
