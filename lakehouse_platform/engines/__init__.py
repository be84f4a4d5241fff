"""Engines: dataframes and Delta commits, one module an engine."""
