"""The command line, `lakehouse`. Importing it is cheap: what a command needs is imported when the command runs."""

from __future__ import annotations

from lakehouse_platform.cli.app import main

__all__ = ["main"]
