"""Environments: bindings, and references to secrets that show none."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lakehouse_platform.errors import SettingsError, UnknownName
from lakehouse_platform.settings import Folder, Reference, SettingsErrors, environment_names, load_environment

LOCAL = """\
lake: {root: .lakehouse/lake}
partitions: {start: 2026-11-01, time_zone: America/New_York}
connections:
  erp: {kind: postgresql, uri: {env: ERP_URI}, time_zone: America/New_York}
  crm: {kind: postgresql, uri: {file: secrets/crm}, time_zone: Europe/Berlin}
publish: {domo: {kind: folder, path: .lakehouse/domo}}
"""


def project(folder: Path, text: str = LOCAL) -> Path:
    (folder / "resources").mkdir()
    (folder / "resources" / "local.yaml").write_text(text)
    return folder


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsErrors) as caught:
        load_environment(project(folder, text), "local")
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_environment_holds_the_bindings(tmp_path: Path) -> None:
    local = load_environment(project(tmp_path), "local")
    assert local.lake.root == str(tmp_path / ".lakehouse/lake")
    assert (local.partitions.start, local.partitions.time_zone) == (dt.date(2026, 11, 1), "America/New_York")
    assert (local.connection("crm").kind, local.connection("crm").time_zone) == ("postgresql", "Europe/Berlin")
    assert local.domo == Folder(tmp_path / ".lakehouse/domo")


def test_lake_may_be_a_uri_and_publish_may_be_left_out(tmp_path: Path) -> None:
    text = LOCAL.replace(".lakehouse/lake", "'s3://bucket/lake/'").split("publish")[0] + "aws: {region: eu-central-1}\n"
    local = load_environment(project(tmp_path, text), "local")
    assert (local.lake.root, local.domo) == ("s3://bucket/lake", None)


def test_nothing_is_resolved_at_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERP_URI", raising=False)
    reference = load_environment(project(tmp_path), "local").connection("erp").uri
    with pytest.raises(SettingsError, match=r"local\.yaml:4: the environment variable ERP_URI is not set"):
        reference.resolve()
    monkeypatch.setenv("ERP_URI", "postgresql://secret")
    assert reference.resolve() == "postgresql://secret"


def test_reference_never_shows_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_URI", "postgresql://secret")
    local = load_environment(project(tmp_path), "local")
    local.connection("erp").uri.resolve()
    assert "secret@" not in repr(local)
    assert "postgresql://" not in repr(local)
    assert repr(local.connection("erp").uri) == "Reference(env: ERP_URI)"


def test_file_is_read_from_the_project(tmp_path: Path) -> None:
    reference = load_environment(project(tmp_path), "local").connection("crm").uri
    with pytest.raises(SettingsError, match=r"local\.yaml:5: the file secrets/crm cannot be read: FileNotFoundError"):
        reference.resolve()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "crm").write_text("postgresql://crm\n")
    assert reference.resolve() == "postgresql://crm"


def test_call_is_made_when_first_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "vault_of_this_test.py").write_text("def uri():\n    return 'postgresql://called'\n")
    call = Reference("call", "vault_of_this_test:uri", tmp_path, "local.yaml:4")
    assert call.resolve() == "postgresql://called"
    with pytest.raises(SettingsError, match=r"local\.yaml:4: vault_of_this_test:url cannot be called"):
        Reference("call", "vault_of_this_test:url", tmp_path, "local.yaml:4").resolve()


def test_unknown_environment_lists_the_valid_ones(tmp_path: Path) -> None:
    assert environment_names(project(tmp_path)) == ("local",)
    with pytest.raises(UnknownName, match=r'unknown environment "lokal"\. Did you mean "local"\? Valid environments: local\.'):
        load_environment(tmp_path, "lokal")


def test_unknown_connection_lists_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r'unknown connection "erb"\. Did you mean "erp"\? Valid connections: crm, erp\.'):
        load_environment(project(tmp_path), "local").connection("erb")


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("root:", "rot:", '1: unknown key "rot". Did you mean "root"?'),
    ("lake:", "lakes:", '1: unknown key "lakes". Did you mean "lake"?'),
    ("2026-11-01", "2026-11-31", '2: "2026-11-31" is not a day. Write it as 2026-11-01.'),
    ("Europe/Berlin", "Europe/Brlin", '5: unknown time zone "Europe/Brlin". Did you mean "Europe/Berlin"?'),
    ("kind: folder", "kind: foldr", '6: unknown kind "foldr". Did you mean "folder"?'),
    ("{env: ERP_URI}", "{env: ERP_URI, file: x}", "4: a reference is exactly one of env, file and call."),
    ("{env: ERP_URI}", "{}", "4: a reference is exactly one of env, file and call."),
    ("{env: ERP_URI}", "{call: resources.legacy}", "4: what stands here is not module:function."),
    ("  erp:", "  Erp:", '4: "Erp" is not a valid connection name'),
    ("lake:", "lake: {root: x}\nlake:", '2: "lake" is declared twice here; the first is on line 1.'),
])  # fmt: skip
def test_mistake_is_told_at_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    (found,) = problems(tmp_path, LOCAL.replace(old, new, 1))
    assert found.startswith(problem)


@pytest.mark.parametrize("uri", ["postgresql://u:hunter2@h", "{env: 'postgresql://u:hunter2@h'}", "{call: 'postgresql://u:hunter2@h'}"])
def test_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, uri: str) -> None:
    (found,) = problems(tmp_path, LOCAL.replace("{env: ERP_URI}", uri))
    assert found.startswith("4: ")
    assert "hunter2" not in found


AWS = """\
lake: {root: s3://bucket/lake, kms_key: alias/lake, storage_class: {raw: INTELLIGENT_TIERING}}
partitions: {start: 2026-11-01, time_zone: America/New_York}
connections: {}
aws: {region: eu-central-1, endpoint: {env: STAND_INS}}
catalog: {prefix: lakehouse}
athena: {workgroup: lakehouse, results: s3://bucket/athena}
landing: {queue: {env: LANDED}}
compute:
  distributed_from_mb: 20000
  distributed: emr_serverless
  artifacts: s3://bucket/artifacts
  emr_serverless: {application: 00f1, role: 'arn:aws:iam::123456789012:role/job'}
"""


def test_an_environment_on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = load_environment(project(tmp_path, AWS), "local")
    store = cloud.lake.store
    assert store is not None
    assert (store.region, store.kms_key, store.storage_class) == ("eu-central-1", "alias/lake", {"raw": "INTELLIGENT_TIERING"})
    assert cloud.compute.emr_serverless is not None
    assert (cloud.compute.emr_serverless.release, cloud.compute.distributed) == ("emr-7.12.0", "emr_serverless")
    monkeypatch.setenv("STAND_INS", "http://stand-in")
    assert store.address == "http://stand-in"


@pytest.mark.parametrize(("right", "wrong", "said"), [
    ("emr-7.12.0", "emr-7.11.0", "is not a release that can be used"),
    ("  distributed: emr_serverless\n", "", "nothing says what runs it: distributed"),
    ("  artifacts: s3://bucket/artifacts\n", "", "jobs need artifacts"),
    ("aws: {region: eu-central-1, endpoint: {env: STAND_INS}}\n", "", "the environment must say which region"),
    ("results: s3://bucket/athena", "results: /tmp/athena", "is not an S3 address"),
    ("INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR"),
    ("s3://bucket/lake,", "lake,", "must be on S3"),
])  # fmt: skip
def test_a_mistake_about_aws_is_told(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = AWS.replace("00f1,", "00f1, release: emr-7.12.0,")
    assert right in text
    found = problems(tmp_path, text.replace(right, wrong, 1))
    assert any(said in problem for problem in found), found
