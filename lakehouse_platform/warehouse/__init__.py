"""The warehouse: tables of the lake, loaded from a pinned Delta version into Redshift, or into a DuckDB file behind the same interface."""
