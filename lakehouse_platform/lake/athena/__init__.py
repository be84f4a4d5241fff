"""Athena over the lake: workgroups, saved queries, queries, and what a query would read."""
