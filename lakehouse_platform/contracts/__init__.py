"""Contracts: one open data contract a table, read and validated. Importing this is cheap; reading loads what it needs."""

from __future__ import annotations

from lakehouse_platform.contracts.problems import ContractErrors, Problem
from lakehouse_platform.contracts.reading import check, load

__all__ = ["ContractErrors", "Problem", "check", "load"]
