"""`lakehouse certify`: how certificates stand, and who asks for them, approves them and takes them back."""

from __future__ import annotations

import datetime as dt
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, shown, with_place
from lakehouse_platform.cli.terminal import Heading, instant, show_table
from lakehouse_platform.errors import LakehouseError, TerminalError, UnknownName

if TYPE_CHECKING:
    from lakehouse_platform.certify.approvals import Act, Entry
    from lakehouse_platform.certify.evidence import Evidence
    from lakehouse_platform.certify.page import Downstream
    from lakehouse_platform.certify.state import Certificate
    from lakehouse_platform.certify.subject import Subject
    from lakehouse_platform.contracts.contract import Contract
    from lakehouse_platform.jobs.certificates import Certified

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
DAYS = 180
"""How long an approval stands where nothing is said."""


class CannotCertify(TerminalError):
    """A certificate cannot be asked for, or approved, as things are."""


@click.group(context_settings=CONTEXT, short_help="Certify datasets: ask, approve, revoke, and see what is missing.")
def certify() -> None:
    """Certificates of marts and their datasets. Approvals are files beside the contracts, for git to keep; evidence lies in the lake.

    \b
    Examples:
      lakehouse certify status                                                       how every certificate stands
      lakehouse certify request finance.kpi_revenue_daily --why "the board reads it" ask for one
      lakehouse certify approve finance.kpi_revenue_daily --until 2027-05-31         approve it: somebody else has to
      lakehouse certify revoke finance.kpi_revenue_daily --why "wrong rates"         take it back
      lakehouse certify page finance.kpi_revenue_daily                               a page about the dataset

    Exit codes: 0 done, 1 it is not allowed or something is wrong, 2 there is no such mart, 3 a neighbour did not answer.
    """


@certify.command(short_help="Show how certificates stand and what they lack.")
@click.argument("marts", nargs=-1)
@click.option("--at", "moment", metavar="INSTANT", help="As it was then, as in 2026-11-20T09:00:00Z.  [default: now]")
@with_place
def status(place: Place, marts: tuple[str, ...], moment: str | None) -> int:
    """Show the certificate of each of MARTS, or of all that are to have one: state, since when, until when, gates, and what to do next.

    It is judged from the approvals and from the evidence that the sensor has gathered so far.

    \b
    Examples:
      lakehouse certify status
      lakehouse certify status finance.kpi_revenue_daily --at 2026-11-20T09:00:00Z

    Exit codes: 0 all are active, 1 one is not, 2 there is no such mart.
    """
    from lakehouse_platform.certify.state import next_step

    found, now = _certified(place), _instant(moment) if moment else dt.datetime.now(tz=dt.UTC)
    wanted = [found.subject(name) for name in marts] or list(found.subjects)
    if not wanted:
        click.echo("No mart is to be certified: none has `certification` in its contract.")
        return 0
    standing = _standing(found, found.evidence(), now, past=moment is not None)
    headings = [Heading("mart"), Heading("state"), Heading("since"), Heading("until"), Heading("gates open", right=True), Heading("next")]
    show_table(headings, (
        [subject.name, str(said.state), instant(said.since), instant(said.until),
         f"{len(said.gates) - len(said.closed)} of {len(said.gates)}", next_step(said, subject.fingerprint) or "·"]
        for subject in wanted for said in [standing[subject.name]]))
    for subject in wanted:
        _explain(standing[subject.name], alone=len(marts) == 1)
    return 0 if all(standing[subject.name].active for subject in wanted) else 1


def _explain(said: Certificate, *, alone: bool) -> None:
    """Why it is not active; for one that was named alone, every gate."""
    for reason in said.causes:
        click.echo(f"{said.name}: {reason.cause} since {instant(reason.since)}: {reason.text}")
    gates = said.gates if alone else () if said.causes else said.closed
    if gates:
        headings = [Heading("mart"), Heading("gate"), Heading("verdict"), Heading("since"), Heading("what is known")]
        show_table(headings, ([said.name, str(gate.gate), str(gate.verdict), instant(gate.since), gate.text] for gate in gates))


@certify.command(short_help="Ask for a certificate.")
@click.argument("mart")
@click.option("--why", required=True, help="What the dataset is for.")
@click.option("--by", metavar="ADDRESS", help="Who asks.  [default: git's user.email]")
@with_place
def request(place: Place, mart: str, why: str, by: str | None) -> None:
    """Ask for the certificate of MART as its contract is now. Writes an entry into <mart>.approvals.yaml, for git to keep.

    \b
    Examples:
      lakehouse certify request finance.kpi_revenue_daily --why "the board reads it"

    Exit codes: 0 written, 1 the contract asks for no certificate, 2 there is no such mart.
    """
    from lakehouse_platform.certify.approvals import Act

    contract = _contract(place, mart)
    _write(contract, _entry(place, Act.REQUESTED, by, contract=contract.fingerprint, why=why))
    click.echo(f"Next, somebody else: lakehouse certify approve {contract.name}")


@certify.command(short_help="Approve what somebody else asked for.")
@click.argument("mart")
@click.option("--until", metavar="INSTANT", help=f"When it ends: an instant, or a date, at 00:00 UTC.  [default: in {DAYS} days]")
@click.option("--why", default="", help="A remark.")
@click.option("--by", metavar="ADDRESS", help="Who approves.  [default: git's user.email]")
@with_place
def approve(place: Place, mart: str, until: str | None, why: str, by: str | None) -> None:
    """Approve the certificate of MART. Whoever asked for it cannot; nor can a contract be approved that has changed since.

    \b
    Examples:
      lakehouse certify approve finance.kpi_revenue_daily
      lakehouse certify approve finance.kpi_revenue_daily --until 2027-05-31

    Exit codes: 0 written, 1 it is not allowed, 2 there is no such mart.
    """
    from lakehouse_platform.certify.approvals import Act, load_approvals, standing_at

    contract, now = _contract(place, mart), dt.datetime.now(tz=dt.UTC).replace(microsecond=0)
    asked = standing_at(load_approvals(contract), now).request
    if asked is not None and asked.contract != contract.fingerprint:
        raise CannotCertify(
            f"{contract.path}: the contract has changed since {asked.by} asked for the certificate. "
            f"It has to be asked for again: lakehouse certify request {contract.name} --why …")
    end = _instant(until) if until else now + dt.timedelta(days=DAYS)
    _write(contract, _entry(place, Act.APPROVED, by, contract=contract.fingerprint, until=end, why=why))


@certify.command(short_help="Take a certificate back.")
@click.argument("mart")
@click.option("--why", required=True, help="What is wrong.")
@click.option("--by", metavar="ADDRESS", help="Who takes it back.  [default: git's user.email]")
@with_place
def revoke(place: Place, mart: str, why: str, by: str | None) -> None:
    """Take back the certificate of MART, or the request for it. Only a new request and a new approval bring it back.

    \b
    Examples:
      lakehouse certify revoke finance.kpi_revenue_daily --why "rates of October are wrong"

    Exit codes: 0 written, 1 there is nothing to take back, 2 there is no such mart.
    """
    from lakehouse_platform.certify.approvals import Act

    _write(_contract(place, mart), _entry(place, Act.REVOKED, by, why=why))


@certify.command(short_help="Write a page about a dataset.")
@click.argument("mart")
@click.option("--output", "-o", metavar="FILE", help="Where to; as Markdown, .md.  [default: .lakehouse/certificates/MART.html]")
@with_place
def page(place: Place, mart: str, output: str | None) -> None:
    """Write a page about MART's dataset: what it means, whose it is, certificate and evidence, what it is made of, and what is made of it.

    \b
    Examples:
      lakehouse certify page finance.kpi_revenue_daily
      lakehouse certify page finance.kpi_revenue_daily --output revenue.md

    Exit codes: 0 written, 1 it cannot be written, 2 there is no such mart.
    """
    from lakehouse_platform.certify.approvals import load_approvals
    from lakehouse_platform.certify.page import build_page

    found, now = _certified(place), dt.datetime.now(tz=dt.UTC)
    subject = found.subject(mart)
    contract, evidence = found.project.contract(subject.name), found.evidence()
    said = found.at(now, evidence)[subject.name]
    made = build_page(contract, subject, said, load_approvals(contract), evidence, _downstream(found, subject), now)
    file = Path(output) if output else found.project.state / "certificates" / f"{subject.name}.html"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made.markdown if file.suffix == ".md" else made.html, encoding="utf-8")
    except OSError as error:
        raise CannotCertify(f"{file}: cannot be written: {error.strerror}. Name another with --output.") from error
    click.echo(f"Wrote {shown(file)}.")


def _certified(place: Place) -> Certified:
    from lakehouse_platform.jobs.certificates import Certified

    return Certified.of(place.open())


def _standing(found: Certified, evidence: tuple[Evidence, ...], now: dt.datetime, *, past: bool) -> dict[str, Certificate]:
    return found.then(now, evidence) if past else found.at(now, evidence)


def _contract(place: Place, mart: str) -> Contract:
    """The contract of a mart that is to be certified."""
    contract = place.open().contract(mart)
    if contract.certification is None:
        what = "is not a mart" if contract.model is None else "is not to be certified"
        raise CannotCertify(f"{contract.path}: {contract.name} {what}. A mart's lakehouse block asks for it with `certification: {{}}`.")
    return contract


def _entry(place: Place, act: Act, by: str | None, *, contract: str = "", until: dt.datetime | None = None, why: str = "") -> Entry:
    from lakehouse_platform.certify.approvals import Entry

    return Entry(act, by or _address(place.folder), dt.datetime.now(tz=dt.UTC).replace(microsecond=0), contract, until, why)


def _address(folder: Path) -> str:
    """Who works here, as git has it."""
    said = subprocess.run(["git", "config", "user.email"], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S607
    if said.returncode != 0 or not said.stdout.strip():
        raise CannotCertify("git does not say who you are. Name yourself with --by, or set git's user.email.")
    return said.stdout.strip()


def _write(contract: Contract, entry: Entry) -> None:
    from lakehouse_platform.certify.approvals import append_entry

    click.echo(f"Wrote into {shown(append_entry(contract, entry))}: {contract.name} {entry.act} by {entry.by}. Commit it.")


def _instant(text: str) -> dt.datetime:
    """An instant; a date is its midnight in UTC. Raises UnknownName."""
    try:
        said = dt.datetime.fromisoformat(text)
        return (said if said.tzinfo is not None else said.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise UnknownName(f'"{text}" is not an instant. Write a date, 2027-05-31, or an instant, 2027-05-31T18:00:00Z.') from error


def _downstream(found: Certified, subject: Subject) -> Downstream | None:
    """What Domo says is made of the dataset; None where it cannot be asked."""
    from lakehouse_platform.certify.page import Downstream
    from lakehouse_platform.jobs.certificates import instance_of, published

    try:
        instance, dataset = instance_of(found.project), published(found.project, subject.name)
        if instance is None or dataset is None:
            return None
        with closing(instance):
            cards, others = instance.cards(dataset), instance.lineage(dataset)
    except LakehouseError as error:
        click.echo(f"What is made of the dataset is left out: {error}", err=True)
        return None
    return Downstream(tuple(card.title for card in cards), tuple((other.kind, other.id) for other in others))
