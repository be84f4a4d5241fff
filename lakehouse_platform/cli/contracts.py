"""Commands about contracts: validate, explain, schema. They load no data library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, shown, with_place
from lakehouse_platform.errors import LakehouseError, did_you_mean

if TYPE_CHECKING:
    from lakehouse_platform.contracts import Problem
    from lakehouse_platform.contracts.contract import Contract
    from lakehouse_platform.settings import Environment


@click.command(short_help="Check every contract and environment.")
@click.option("--schema", "schema_file", metavar="FILE", help="Also write the contracts' JSON Schema, for editors, to FILE.")
@with_place
def validate(place: Place, schema_file: str | None) -> int:
    """Check every contract, its approvals, and every environment, and show all problems at once.

    Each problem has its file and line, what is allowed there, and the nearest match. Nothing is connected to.

    \b
    Examples:
      lakehouse validate
      lakehouse validate --project ../other-lakehouse
      lakehouse validate --schema .lakehouse/contract.schema.json

    Exit codes: 0 everything is valid, 1 there are problems, 2 there is no lakehouse here.
    """
    from lakehouse_platform.certify.approvals import check_approvals
    from lakehouse_platform.contracts import check

    if schema_file is not None:
        _write(Path(schema_file), _schema("contract"))
    contracts, problems = check(place.contracts)
    environments, wrong = _environments(place.folder)
    found = sorted({*problems, *wrong, *_unbound(contracts, environments), *check_approvals(place.contracts, contracts)})
    for problem in found:
        click.echo(f"{shown(problem.file)}:{problem.line}: {problem.message}")
    if found:
        files = len({problem.file for problem in found})
        click.echo(f"{_count(len(found), 'problem')} in {_count(files, 'file')}.", err=True)
        return 1
    click.echo(f"{_count(len(contracts), 'contract')} and {_count(len(environments), 'environment')} are valid.")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _environments(folder: Path) -> tuple[list[Environment], list[Problem]]:
    """Environments of the project, and what is wrong with the others."""
    from lakehouse_platform.contracts import Problem
    from lakehouse_platform.settings import FOLDER, SettingsErrors, environment_names, load_environment

    good: list[Environment] = []
    problems: list[Problem] = []
    names = environment_names(folder)
    if not names:
        problems.append(Problem(folder / FOLDER, 1, "has no environment. Add one, as in resources/local.yaml."))
    for name in names:
        try:
            good.append(load_environment(folder, name))
        except SettingsErrors as error:
            problems += error.problems
    return good, problems


def _unbound(contracts: Iterable[Contract], environments: Iterable[Environment]) -> Iterator[Problem]:
    """Connections that a contract names and an environment lacks."""
    from lakehouse_platform.contracts import Problem
    from lakehouse_platform.contracts.contract import SourceTable

    environments = tuple(environments)
    for contract in contracts:
        for environment in environments:
            if isinstance(contract.source, SourceTable) and contract.source.connection not in environment.connections:
                name, line = contract.source.connection, _line_of_connection(contract.path)
                known = did_you_mean(name, environment.connections, noun="connections there")
                yield Problem(contract.path, line, f'connection "{name}" is not in {shown(environment.path)}. {known}')


def _line_of_connection(file: Path) -> int:
    """Where a contract names its connection; 1 where its domain's defaults do."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if "connection:" in line), 1)


@click.command(short_help="Show a contract and where its values come from.")
@click.argument("table")
@with_place
def explain(place: Place, table: str) -> None:
    """Show TABLE's contract as the platform sees it, where each value came from, and the names that follow from it.

    TABLE is `domain.table`, or `table` where only one domain has it.

    \b
    Examples:
      lakehouse explain finance.invoice
      lakehouse explain invoice | less

    Exit codes: 0 shown, 1 a contract is not valid, 2 there is no such table.
    """
    from lakehouse_platform.contracts import explain as explanations

    explanation = explanations.explain(place.contracts, _full_name(place.contracts, table))
    click.echo(click.style(f"# {explanation.contract.name}, from {shown(explanation.contract.path)}", bold=True))
    click.echo(explanation.as_yaml())
    click.echo(click.style("# What follows from it", bold=True))
    width = max(map(len, explanation.derived))
    for name, value in explanation.derived.items():
        click.echo(f"{name:<{width}}  {value}")


def _full_name(folder: Path, table: str) -> str:
    """`domain.table` for a `table` that one domain has; `table` as it is where that does not decide it."""
    found = sorted(folder.glob(f"*/{table}.yaml")) if table.isidentifier() and table != "_defaults" else []
    if len(found) > 1:
        from lakehouse_platform.errors import UnknownName

        names = ", ".join(f"{path.parent.name}.{path.stem}" for path in found)
        raise UnknownName(f'"{table}" is a table of several domains. Say which: {names}.')
    return f"{found[0].parent.name}.{table}" if found else table


@click.command(short_help="Give the JSON Schema for editors.")
@click.argument("document", type=click.Choice(["contract", "environment"]), default="contract")
@click.option("--output", "-o", metavar="FILE", help="Write to FILE instead of the terminal.")
def schema(document: str, output: str | None) -> None:
    """Give the JSON Schema of a contract, or of an environment's file, for editors that complete and check YAML.

    \b
    Examples:
      lakehouse schema --output .lakehouse/contract.schema.json
      lakehouse schema environment
      # then, on the first line of a contract:
      # yaml-language-server: $schema=../../../.lakehouse/contract.schema.json

    Exit codes: 0 written.
    """
    text = _schema(document)
    if output is None:
        click.echo(text)
    else:
        _write(Path(output), text)


def _schema(document: str) -> str:
    if document == "environment":
        from lakehouse_platform.settings import environment_schema

        return json.dumps(environment_schema(), indent=2)
    from lakehouse_platform.contracts.editor import editor_schema

    return json.dumps(editor_schema(), indent=2)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"{file}: cannot be written: {error.strerror}.") from error
    click.echo(f"Wrote {shown(file)}.", err=True)


class CannotWrite(LakehouseError):
    """A file that was asked for cannot be written."""
