"""The zones: what happens to rows between the source and the lake's readers."""
