"""Slack's Web API, as far as telling people needs it: messages, threads, reactions."""
