"""Drift: where a source's schema leaves its contract."""
