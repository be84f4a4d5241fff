"""This lakehouse's tables: `contracts/` declares them, `marts/` is the dbt project behind Curated."""

from dagster import AssetsDefinition

WRITTEN_BY_HAND: tuple[AssetsDefinition, ...] = ()
"""Assets that no contract describes."""
