"""Real database servers, started for a test or a demonstration and gone with it."""
