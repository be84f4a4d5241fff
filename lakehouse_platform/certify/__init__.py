"""Certificates of marts and their datasets: who approved them, what speaks for them, and whether they stand now."""
