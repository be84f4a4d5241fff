"""DuckDB over the lake: queries for people, the scratch file of marts."""
