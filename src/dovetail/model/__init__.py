"""The nouns that every room speaks: frozen values, no behaviour but their own arithmetic."""
