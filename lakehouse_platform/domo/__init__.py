"""Domo over HTTP: its public API, by way of pydomo's clients, and the interface of an instance of its own."""
