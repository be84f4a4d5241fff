"""The Glue Data Catalog: what the lake's tables are registered as, and how that is kept true."""
