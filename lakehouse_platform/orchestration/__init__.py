"""Contracts as Dagster assets, checks, schedules and sensors. The only importer of Dagster."""

from __future__ import annotations

from lakehouse_platform.orchestration.definitions import build_definitions

__all__ = ["build_definitions"]
