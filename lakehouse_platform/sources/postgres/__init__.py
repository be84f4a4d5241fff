"""PostgreSQL as a source."""

from lakehouse_platform.sources.postgres.source import PostgresSource

__all__ = ["PostgresSource"]
