"""Reconciling, writing, recovering."""
