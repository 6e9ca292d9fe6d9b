"""A store and a stock system to try Dovetail on: generated, migrated, and judged by plain Python of its own."""
