"""What an environment says of Domo, the warehouse and Slack."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_platform.incidents.base import Severity
from lakehouse_platform.settings import Domo, DomoInstance, DuckDbWarehouse, Environment, Redshift, SettingsErrors, Slack, load_environment
from lakehouse_platform.settings.serving import SEVERITIES

HEAD = """\
lake: {root: s3://bucket/lake}
partitions: {start: 2026-11-01, time_zone: America/New_York}
connections: {}
aws: {region: eu-west-1}
"""
DOMO = """\
publish:
  domo:
    kind: domo
    client_id: {env: CLIENT}
    client_secret: {env: SECRET}
    api: {env: API}
    instance: {url: {env: URL}, token: {env: TOKEN}}
    commit_minutes: 0.5
"""
REDSHIFT = """\
warehouse:
  kind: redshift
  host: {env: HOST}
  database: analytics
  user: {env: USER}
  password: {env: PASSWORD}
  workgroup: lakehouse
  copy_role: arn:aws:iam::123456789012:role/copy
  manifests: s3://bucket/manifests/
"""
SLACK = """\
slack:
  token: {env: TOKEN}
  channels: {default: C0, finance: C1, finance/high: C2}
  mentions: {"team:finance-data": S1}
  digest_at: "07:30"
  repeat_minutes: 15
  ui: https://dagster.acme.com
"""


def environment(folder: Path, text: str) -> Environment:
    (folder / "resources").mkdir(exist_ok=True)
    (folder / "resources" / "local.yaml").write_text(HEAD + text)
    return load_environment(folder, "local")


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsErrors) as caught:
        environment(folder, text)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_nothing_is_served_if_nothing_is_said(tmp_path: Path) -> None:
    found = environment(tmp_path, "")
    assert (found.domo, found.warehouse, found.slack) == (None, None, None)


def test_domo_is_reached_by_references(tmp_path: Path) -> None:
    found = environment(tmp_path, DOMO).domo
    assert isinstance(found, Domo)
    assert isinstance(found.instance, DomoInstance)
    assert [r.target if r is not None else None for r in (found.client_id, found.client_secret, found.api)] == ["CLIENT", "SECRET", "API"]
    assert (found.instance.url.target, found.instance.token.target, found.commit_minutes) == ("URL", "TOKEN", 0.5)


def test_domo_without_an_instance_takes_a_commit_in_fifteen_minutes(tmp_path: Path) -> None:
    least = [line for line in DOMO.splitlines() if not any(word in line for word in ("api", "instance", "commit_minutes"))]
    found = environment(tmp_path, "\n".join(least)).domo
    assert isinstance(found, Domo)
    assert (found.api, found.instance, found.commit_minutes) == (None, None, 15)


def test_redshift_is_reached_by_references(tmp_path: Path) -> None:
    found = environment(tmp_path, REDSHIFT).warehouse
    assert isinstance(found, Redshift)
    assert (found.host.target, found.port, found.database) == ("HOST", 5439, "analytics")
    assert (found.user.target, found.password.target) == ("USER", "PASSWORD")
    assert (found.workgroup, found.cluster, found.manifests, found.tls) == ("lakehouse", None, "s3://bucket/manifests", True)
    assert found.copy_role == "arn:aws:iam::123456789012:role/copy"


def test_redshift_may_be_a_cluster_on_a_port_that_is_found_later(tmp_path: Path) -> None:
    found = environment(tmp_path, REDSHIFT.replace("workgroup", "cluster") + "  port_from: {env: PORT}\n  tls: false\n").warehouse
    assert isinstance(found, Redshift)
    assert (found.workgroup, found.cluster, str(found.port), found.tls) == (None, "lakehouse", "Reference(env: PORT)", False)
    assert environment(tmp_path, REDSHIFT + "  port: 5440\n").warehouse != found


def test_the_embedded_warehouse_is_a_file(tmp_path: Path) -> None:
    found = environment(tmp_path, "warehouse: {kind: duckdb, path: .lakehouse/warehouse.duckdb}").warehouse
    assert found == DuckDbWarehouse(tmp_path / ".lakehouse/warehouse.duckdb")


def test_slack_says_who_is_told_where(tmp_path: Path) -> None:
    found = environment(tmp_path, SLACK).slack
    assert isinstance(found, Slack)
    assert (found.token.target, found.api, found.digest_at, found.repeat_minutes) == ("TOKEN", None, "07:30", 15)
    assert dict(found.channels) == {"default": "C0", "finance": "C1", "finance/high": "C2"}
    assert (dict(found.mentions), found.ui) == ({"team:finance-data": "S1"}, "https://dagster.acme.com")


def test_slack_may_be_a_stand_in(tmp_path: Path) -> None:
    found = environment(tmp_path, SLACK + "  api: {env: SLACK_API}\n").slack
    assert found is not None
    assert found.api is not None
    assert found.api.target == "SLACK_API"


@pytest.mark.parametrize(("text", "expected"), [
    (DOMO.replace("client_secret", "client_secrt"),
     [('9: unknown key "client_secrt". Did you mean "client_secret"? '
       "Valid keys: api, client_id, client_secret, commit_minutes, instance, kind.")]),
    (DOMO.replace("{env: SECRET}", "hunter2"), ['9: a reference is needed: {env: NAME}, {file: path} or {call: "module:function"}.']),
    (DOMO.replace("kind: domo", "kind: doomo"), ['6: unknown kind "doomo". Did you mean "domo"? Valid kinds: domo, folder.']),
    ("publish: {domo: {path: x}}", ['5: "domo" does not say which kind it is: add `kind`.']),
    (REDSHIFT + "  cluster: c\n", ["5: say either workgroup or cluster: the Data API is asked for one of them."]),
    (REDSHIFT.replace("  workgroup: lakehouse\n", ""), ["5: say either workgroup or cluster: the Data API is asked for one of them."]),
    (REDSHIFT + "  port: 0\n", ['14: "port" should be greater than or equal to 1, not 0.']),
    ("warehouse: {kind: duckdb, path: x, foo: 1}", ['5: unknown key "foo". Valid keys: kind, path.']),
    (SLACK.replace("default: C0, ", ""), ["5: channels must have a `default`."]),
    (SLACK.replace("default: C0", 'default: "#alerts"'),
     ['7: "#alerts" is not the id of a channel. It stands at the foot of the channel\'s details in Slack: C0123456789.']),
    (SLACK.replace("finance/high", "finance/hihg"),
     ['7: "finance/hihg" is no route. Write `default`, a domain, `domain/severity` or a severity: high, medium, low.']),
    (SLACK.replace(": S1", ': "@ana"'),
     ['8: "@ana" is not an id of Slack. Write U0123456789 for a user, S0123456789 for a user group.']),
    (SLACK.replace("07:30", "25:00"), ['9: "25:00" is not a time of day. Write it as 08:00.']),
    (SLACK.replace("15", "0"), ['10: "repeat_minutes" should be greater than or equal to 1, not 0.']),
])  # fmt: skip
def test_what_cannot_be_is_told_at_its_line(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert problems(tmp_path, text) == expected


def test_redshift_needs_a_lake_on_s3(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "local.yaml").write_text((HEAD + REDSHIFT).replace("s3://bucket/lake}", "lake}"))
    with pytest.raises(SettingsErrors, match="Redshift's COPY cannot see a folder"):
        load_environment(tmp_path, "local")


def test_routes_know_the_severities_that_incidents_have() -> None:
    assert tuple(Severity) == SEVERITIES
