"""Declare a table once, as an open data contract, and get its zones, history, checks and datasets."""
