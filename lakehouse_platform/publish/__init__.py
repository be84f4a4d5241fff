"""What leaves the lake's inner zones: marts into Curated, datasets into Domo."""
