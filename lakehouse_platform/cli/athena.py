"""The command that prepares Athena for the people who query."""

from __future__ import annotations

import click

from lakehouse_platform.cli.place import Place, with_place


@click.command(short_help="Make workgroups and saved queries as contracts say.")
@with_place
def athena(place: Place) -> None:
    """Make Athena's workgroups, one a domain, and their saved queries as the contracts and the environment say.

    Each workgroup caps what a query may read and says where results go. Queries that people saved themselves are left alone.
    Repeated, it changes nothing.

    \b
    Examples:
      lakehouse athena --env production
      lakehouse query --engine athena --env production "select count(*) from ods.finance.invoice"

    Exit codes: 0 done, 1 the environment has no Athena, or AWS refuses, 3 AWS does not answer.
    """
    from lakehouse_platform.jobs.athena import prepare_athena

    done = prepare_athena(place.open())
    for change in done.workgroups:
        said = "created" if not change.exists else f"changed: {', '.join([*change.differs, *(['tags'] if change.tags else [])])}"
        click.echo(f"{change.workgroup.name}: {said}")
    for workgroup, plan in done.saved.items():
        figures = {"created": plan.create, "changed": plan.update, "deleted": plan.delete}
        parts = [f"{len(queries)} {word}" for word, queries in figures.items() if queries]
        if parts:
            click.echo(f"{workgroup}: saved queries {', '.join(parts)}")
    if not done.workgroups and all(plan.empty for plan in done.saved.values()):
        click.echo("Nothing has changed.")
