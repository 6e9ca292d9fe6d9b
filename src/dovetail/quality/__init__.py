"""Checks on data, each an expression tree."""
