"""`python -m tests.standins [--keep] [--jars FOLDER] -- COMMAND…`: run a command on stand-ins of AWS, Redshift, Domo and Slack."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.standins.account import stand_ins
from tests.standins.jars import image_jars
from tests.standins.ready import furnish
from tests.standins.serving import serving


def main() -> int:
    """Start the stand-ins, furnish the account, run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.standins", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="go on serving after the command has ended, until Ctrl-C")
    parser.add_argument("--jars", type=Path, help="folder of the jars that the services' images hold; fetched without")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return _run(given.jars or image_jars(), [word for word in given.command if word != "--"], keep=given.keep)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _run(jars: Path, command: list[str], *, keep: bool) -> int:
    with stand_ins(jars=jars) as running, serving(running) as served:
        variables = furnish(running) | served.environment
        for name, value in variables.items():
            sys.stderr.write(f"export {name}={value}\n" if keep or not command else "")
        code = _command(command, variables) if command else 0
        if keep or not command:
            signal.pause()
        return code


def _command(command: list[str], variables: dict[str, str]) -> int:
    with subprocess.Popen(command, env=os.environ | variables) as process:
        try:
            return process.wait()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
