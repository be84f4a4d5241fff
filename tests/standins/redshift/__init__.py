"""A stand-in for Amazon Redshift: a PostgreSQL behind a proxy that speaks, refuses and loads as Redshift does."""

from tests.standins.redshift.service import DATABASE, PASSWORD, USER, Redshift, redshift, redshift_beside
from tests.standins.redshift.statements import Statement, Statements

__all__ = ["DATABASE", "PASSWORD", "USER", "Redshift", "Statement", "Statements", "redshift", "redshift_beside"]
