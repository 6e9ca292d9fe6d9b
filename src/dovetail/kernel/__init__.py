"""Evaluation of expression trees over batches and over single rows; knows no system."""
