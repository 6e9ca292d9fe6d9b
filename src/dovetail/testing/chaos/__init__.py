"""Real systems, real people, real faults: edits without pause, while what carries them is killed, cut and starved."""
