"""The command line explains itself, and its errors and exit codes are the same everywhere."""

from __future__ import annotations

import click
import pytest

from lakehouse_platform.cli.app import guarded, lakehouse, run
from lakehouse_platform.errors import CommitConflict, GateHalted, LakehouseError, SourceUnavailable, UnknownName

Captured = pytest.CaptureFixture[str]
COMMANDS = sorted(lakehouse.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_exit_codes(command: str, capsys: Captured) -> None:
    assert run([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"\n    lakehouse {command}" in text
    assert "Exit codes: 0 " in text


def test_help_lists_every_command_in_one_line(capsys: Captured) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {command}  " in text for command in COMMANDS)
    assert "..." not in text.split("Commands:")[1]


def test_the_version_is_known(capsys: Captured) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lakehouse 0.")


def test_an_unknown_command_is_a_usage_error(capsys: Captured) -> None:
    assert run(["materialise"]) == 2
    assert "materialise" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [
    (GateHalted("halted"), 1), (LakehouseError("wrong"), 1), (UnknownName("unknown"), 2), (SourceUnavailable("down"), 3),
    (CommitConflict("lost"), 3),
])
def test_an_expected_error_is_one_message_and_an_exit_code(error: LakehouseError, code: int, capsys: Captured) -> None:
    def command() -> None:
        raise error

    assert guarded(command) == code
    assert capsys.readouterr().err == f"Error: {error}\n"


def test_what_the_core_install_lacks_is_named(capsys: Captured) -> None:
    def command() -> None:
        raise ModuleNotFoundError("No module named 'dagster'", name="dagster")

    assert guarded(command) == 1
    assert capsys.readouterr().err == 'Error: dagster is not installed. This command needs: pip install "lakehouse-platform[local]"\n'


def test_a_mistake_of_the_program_keeps_its_traceback() -> None:
    def command() -> None:
        raise ModuleNotFoundError("No module named 'lakehouse_plattform'", name="lakehouse_plattform")

    with pytest.raises(ModuleNotFoundError):
        guarded(command)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_no_traceback(stop: BaseException, capsys: Captured) -> None:
    def command() -> None:
        raise stop

    assert guarded(command) == 130
    assert capsys.readouterr().err == "Stopped.\n"
