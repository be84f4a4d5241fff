"""The command that prepares the lake's bucket."""

from __future__ import annotations

import click

from lakehouse_platform.cli.place import Place, with_place
from lakehouse_platform.cli.terminal import Heading, show_table


@click.command(short_help="Set the lifecycle rules of the lake's bucket.")
@click.option("--dry-run", is_flag=True, help="Show the rules and change nothing.")
@with_place
def storage(place: Place, *, dry_run: bool) -> None:
    """Set the lifecycle rules that the environment asks for: a zone's storage class, and an end for uploads that were broken off.

    Rules that somebody else made are left alone. Repeated, it changes nothing.

    \b
    Examples:
      lakehouse storage --env prod --dry-run
      lakehouse storage --env prod

    Exit codes: 0 done, 1 the lake is a folder, or S3 refuses, 3 S3 does not answer.
    """
    from lakehouse_platform.errors import SettingsError
    from lakehouse_platform.lake.lifecycle import apply_lifecycle, plan_lifecycle

    project = place.open()
    lake = project.environment.lake
    rules = plan_lifecycle(lake)
    if not rules:
        raise SettingsError(f"{project.environment.path}: the lake is a folder of this machine, and folders have no lifecycle rules.")
    rows = [[str(rule.get("ID")), str(rule["Filter"].get("Prefix", "")), _does(dict(rule))] for rule in rules]
    show_table([Heading("rule"), Heading("objects below"), Heading("what becomes of them")], rows)
    if not dry_run:
        click.echo("Changed." if apply_lifecycle(project.account.s3, lake) else "Nothing has changed.")


def _does(rule: dict[str, object]) -> str:
    transitions = rule.get("Transitions")
    if isinstance(transitions, list):
        return ", ".join(f"{move['StorageClass']} after {move['Days']} days" for move in transitions)
    return "parts of unfinished uploads are removed"
