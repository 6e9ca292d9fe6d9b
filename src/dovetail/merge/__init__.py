"""The three-way judge: fingerprints in, winning members out."""
