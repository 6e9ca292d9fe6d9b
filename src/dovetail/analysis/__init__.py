"""Questions about systems, and what their answers mean."""
