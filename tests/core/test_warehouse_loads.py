"""Loads into both warehouses: the same cases, on a DuckDB file and on Redshift with its lake on S3."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest
from redshift_connector import connect

from lakehouse_platform import faults
from lakehouse_platform.contracts.serving import Access, Distribution, Role, WarehouseLayout
from lakehouse_platform.engines.storage import delta_options
from lakehouse_platform.errors import CommitConflict, TerminalError, TransientError
from lakehouse_platform.jobs.steps import Outcome
from lakehouse_platform.jobs.warehouse import ROWS_MATCH, SUMS_AGREE
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import DuckDbWarehouse
from lakehouse_platform.settings.references import Reference
from lakehouse_platform.settings.serving import Redshift
from lakehouse_platform.warehouse.base import Load, LoadRefused, Place, Warehouse, WarehouseTable
from lakehouse_platform.warehouse.data_api import DataApi, Pace, fits
from lakehouse_platform.warehouse.plan import plan_load
from lakehouse_platform.warehouse.redshift import RedshiftWarehouse
from lakehouse_platform.warehouse.session import Session
from lakehouse_platform.warehouse.snapshot import DeltaFiles
from lakehouse_platform.warehouse.transfer import Statement
from tests.core.warehouse_lake import LAST, ODD, TYPES, OneTable, contract
from tests.standins.account import StandIns, stand_ins
from tests.standins.redshift import Redshift as Running
from tests.standins.redshift import redshift_beside

PLACE = Place("finance", "curated_sale")
MANY: list[dict[str, object]] = [{"id": n, "amount": Decimal(n), "note": "x" * 20} for n in range(2000)]
"""So many rows that a changed one is a small part of the table."""


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIns]:
    with stand_ins() as running:
        yield running


@pytest.fixture(scope="module")
def server(aws: StandIns) -> Iterator[Running]:
    with redshift_beside(aws) as running:
        yield running


@pytest.fixture
def in_file(tmp_path: Path) -> OneTable:
    return OneTable(tmp_path, DuckDbWarehouse(tmp_path / "warehouse.duckdb"), str(tmp_path / "lake"))


def settings(running: Running, folder: Path, bucket: str) -> Redshift:
    """Secrets lie in files, as references have them."""
    def secret(name: str, value: str) -> Reference:
        (folder / name).write_text(value)
        return Reference("file", name, folder, name)

    return Redshift(
        secret("host", running.host), running.port, running.database, secret("user", running.user), secret("password", running.password),
        "arn:aws:iam::123456789012:role/copy", f"s3://{bucket}/manifests", workgroup="workgroup", tls=False)


@pytest.fixture
def on_redshift(aws: StandIns, server: Running, tmp_path: Path) -> Iterator[OneTable]:
    bucket = f"warehouse-{uuid.uuid4().hex[:12]}"
    aws.account.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    bound = settings(server, tmp_path, bucket)
    with closing(connect(**server.client)) as connection:
        connection.autocommit = True
        for role in ("analyst", "auditor", "intern"):
            connection.cursor().execute(f"create role {role}")
    one = OneTable(tmp_path, bound, f"s3://{bucket}/lake", aws.store, account=aws.account)
    one.made = waiting(one, time.sleep)
    yield one
    server.reset()
    server.rows("drop role analyst; drop role auditor; drop role intern")
    aws.faults.clear()


@pytest.fixture(params=["in_file", "on_redshift"])
def one(request: pytest.FixtureRequest) -> OneTable:
    found: OneTable = request.getfixturevalue(request.param)
    return found


def passed(outcome: Outcome) -> bool:
    return {c.name for c in outcome.checks} == {ROWS_MATCH, SUMS_AGREE} and all(c.passed for c in outcome.checks) and not outcome.halted


def same(one: OneTable) -> bool:
    return one.held == one.stored and len(one.held) > 0


def test_first_load_takes_everything(one: OneTable) -> None:
    one.append({"id": 1, "amount": Decimal("1.5"), "note": "a"})
    done = one.load()
    assert passed(done)
    assert (done.figures["mode"], done.figures["reason"], done.rows) == ("full", "nothing was loaded before", 1)
    assert one.held == [(1, Decimal("1.5000"), "a")]


def test_the_same_version_is_loaded_once(one: OneTable) -> None:
    one.append({"id": 1})
    one.load()
    again = one.load()
    assert (again.figures["mode"], again.figures["reason"]) == ("nothing", "version 1 is loaded already")
    assert passed(again)
    assert same(one)


def test_every_type_arrives_exactly(one: OneTable) -> None:
    one.contract = contract(TYPES)
    one.append(*ODD)
    assert passed(one.load())
    read = {"said", "blob"}  # Read otherwise than written: SUPER, and bytes as hexadecimal.
    names = [name for name in TYPES if name not in read]
    rows = {row[0]: row for row in one.warehouse.rows(PLACE, names)}
    assert rows == {row["id"]: tuple(row[name] for name in names) for row in ODD}


def test_added_rows_are_loaded_alone(one: OneTable) -> None:
    one.append(*MANY)
    one.load()
    one.append({"id": -1, "amount": Decimal("0.0001"), "note": None})
    done = one.load()
    assert passed(done)
    assert (done.figures["mode"], done.figures["reason"]) == ("incremental", "1 files came and 0 went since version 1")
    assert int(str(done.figures["bytes_read"])) < int(str(done.figures["table_bytes"]))
    assert same(one)


def test_rows_that_changed_and_rows_that_left_the_lake(one: OneTable) -> None:
    one.append(*MANY)
    one.append({"id": -1, "note": "old"}, {"id": -2, "note": "stays"}, {"id": -3, "note": "goes"})
    one.load()
    one.upsert({"id": -1, "note": "new"}, {"id": -4, "note": "came"}, drop=[-3])
    done = one.load()
    assert (passed(done), done.figures["mode"], done.figures["files_removed"]) == (True, "incremental", 1)
    assert same(one)
    notes = {row[0]: row[1] for row in one.warehouse.rows(PLACE, ["id", "note"]) if int(str(row[0])) < 0}
    assert notes == {-1: "new", -2: "stays", -4: "came"}


def test_a_table_whose_files_were_rewritten_is_replaced(one: OneTable) -> None:
    one.append({"id": 1}, {"id": 2})
    one.load()
    one.replace({"id": 3})
    done = one.load()
    assert (passed(done), done.figures["mode"]) == (True, "full")
    assert [row[0] for row in one.held] == [3]


def test_a_table_that_was_dropped_is_made_and_loaded_again(one: OneTable, meddle: Callable[[str], None]) -> None:
    one.append({"id": 1})
    one.load()
    meddle("drop table finance.curated_sale")
    done = one.load()
    assert (passed(done), done.figures["reason"]) == (True, "nothing was loaded before")
    assert same(one)


def test_all_rows_gone_from_the_lake_are_gone_from_the_warehouse(one: OneTable) -> None:
    one.append({"id": 1}, {"id": 2})
    one.load()
    one.replace()
    assert passed(one.load())
    assert one.held == []


def test_of_two_loads_planned_from_the_same_entry_the_second_is_refused(one: OneTable) -> None:
    one.append(*MANY)
    one.load()
    one.append({"id": -1})
    files = DeltaFiles(one.table.uri, delta_options(one.store) if one.store is not None else None)
    held, before, snapshot = one.warehouse.loaded(PLACE), files.snapshot(1), files.snapshot()
    assert held is not None
    plan = plan_load(one.planned, held, before, snapshot)
    slow = Load(one.planned, plan, snapshot, held, files.groups(plan.added), files.groups(plan.removed), files.rows(snapshot), "run-2")
    one.load()
    with pytest.raises(CommitConflict, match="another load came first"):
        one.warehouse.load(slow, files)
    assert same(one)


def test_a_table_without_a_key_is_replaced_where_files_went(one: OneTable) -> None:
    one.contract = contract(key=())
    one.append({"id": 1}, {"id": 1})
    assert passed(one.load())
    one.append({"id": 1})
    assert one.load().figures["mode"] == "incremental"
    one.replace({"id": 1})
    assert one.load().figures["reason"] == "files were rewritten, and there is no key to tell their rows by"
    assert len(one.held) == 1


def test_a_key_that_comes_twice_is_refused_and_nothing_changes(one: OneTable) -> None:
    one.append({"id": 1, "note": "held"})
    one.load()
    one.replace({"id": 7}, {"id": 7})
    with pytest.raises(LoadRefused, match=r"finance\.curated_sale: version 2 has rows with the same key \(id\)"):
        one.load()
    assert one.held == [(1, None, "held")]
    assert one.warehouse.loaded(PLACE).version == 1  # type: ignore[union-attr]


def test_a_table_that_the_lake_made_anew_is_loaded_anew(one: OneTable) -> None:
    one.append({"id": 1})
    one.append({"id": 2})
    one.load()
    one.root += "-again"
    one.append({"id": 3})
    done = one.load()
    assert (done.figures["reason"], done.figures["loaded_version"]) == ("the lake's table was made anew", 1)
    assert same(one)


def test_rows_that_somebody_changed_in_the_warehouse_are_found_and_repaired(one: OneTable, meddle: Callable[[str], None]) -> None:
    one.append(*MANY)
    one.load()
    meddle("delete from finance.curated_sale where id = 7")
    assert [c.name for c in one.load().checks if not c.passed] == [ROWS_MATCH, SUMS_AGREE]
    one.append({"id": -1})
    done = one.load()
    assert "would not have the 2,001 rows of version 2" in str(done.figures["reason"]) or "not the 2,001" in str(done.figures["reason"])
    assert (passed(done), same(one)) == (True, True)


@dataclass(frozen=True)
class Overtaken:
    """A warehouse that another run brings to a newer version while this one's is pinned already."""

    warehouse: Warehouse
    meanwhile: Callable[[], None]

    def prepare(self, table: WarehouseTable) -> tuple[str, ...]:
        self.meanwhile()
        return self.warehouse.prepare(table)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.warehouse, name)


@pytest.mark.parametrize("damage", ["", "delete from finance.curated_sale where id = 2"])
def test_what_another_run_loaded_meanwhile_is_held_against_its_version(one: OneTable, meddle: Callable[[str], None], damage: str) -> None:
    one.append({"id": 1})
    other = replace(one)

    def meanwhile() -> None:
        other.append({"id": 2})
        other.load()
        if damage:
            meddle(damage)

    overtaken = cast("Warehouse", Overtaken(other.warehouse, meanwhile))
    done = replace(one, made=lambda: overtaken).load()
    assert (done.figures["delta_version"], done.figures["loaded_version"], done.checks[0].figures["lake_rows"]) == (1, 2, 2)
    assert passed(done) is (not damage)


def test_a_changed_number_is_found_by_its_sum(one: OneTable, meddle: Callable[[str], None]) -> None:
    one.append({"id": 1, "amount": Decimal("10.0001")}, {"id": 2, "amount": Decimal(5)})
    one.load()
    meddle("update finance.curated_sale set amount = 10.0002 where id = 1")
    done = one.load()
    assert [(c.name, c.description) for c in done.checks if not c.passed] == [(SUMS_AGREE, "amount")]
    assert done.halted == "finance.curated_sale is not what the lake holds at version 1: sums_agree"


def test_history_keeps_the_partition_column_that_its_files_lack(one: OneTable) -> None:
    one.contract, one.zone = contract(source=None, keeps_history=True, warehouse=WarehouseLayout(("hds",))), Zone.HDS
    first, second = (dt.datetime(2026, 11, day, tzinfo=dt.UTC) for day in (1, 2))
    one.append({"id": 1, "note": "old", "valid_from": first, "valid_to": second, "is_current": False},
               {"id": 1, "note": "new", "valid_from": second, "is_current": True}, {"id": 2, "valid_from": LAST, "is_current": True})
    one.load()
    found = one.warehouse.rows(Place("finance", "hds_sale"), ["id", "valid_from", "is_current"])
    assert set(found) == {(1, first, False), (1, second, True), (2, LAST, True)}


def test_a_column_that_came_late_is_null_in_older_files(one: OneTable) -> None:
    one.append(*MANY)
    one.load()
    one.grow(extra="varchar(3)")
    one.append({"id": -1, "extra": "yes"})
    done = one.load()
    assert done.figures["table_changed"] == "column extra added"
    assert (passed(done), same(one)) == (True, True)


def test_a_column_that_left_the_contract_leaves_the_warehouse(one: OneTable) -> None:
    one.append({"id": 1, "amount": Decimal(5), "note": "x"})
    one.load()
    one.contract = contract({"id": "bigint", "note": "varchar(20)"})
    done = one.load()
    assert "rebuilt" in str(done.figures["table_changed"])
    assert one.held == [(1, "x")]


def test_a_column_of_another_type_is_rebuilt_with_its_rows(one: OneTable) -> None:
    one.contract = contract({"id": "bigint", "amount": "numeric(19,4)"})
    one.append({"id": 1, "amount": Decimal("7.0000")})
    one.load()
    one.contract = contract({"id": "bigint", "amount": "double precision"})
    one.root += "-again"
    one.append({"id": 1, "amount": 7.5})
    done = one.load()
    assert ("rebuilt" in str(done.figures["table_changed"]), passed(done)) == (True, True)
    assert one.held == [(1, 7.5)]


@pytest.fixture
def meddle(one: OneTable, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Change the warehouse behind everybody's back."""
    def in_file(sql: str) -> None:
        with duckdb.connect(str(one.folder / "warehouse.duckdb")) as connection:
            connection.execute(sql)

    if isinstance(one.settings, DuckDbWarehouse):
        return in_file
    running: Running = request.getfixturevalue("server")

    def in_redshift(sql: str) -> None:
        running.rows(sql)

    return in_redshift


OLD, NEW = {"id": 1, "note": "old"}, {"id": 1, "note": "new"}
STATEMENTS = (
    "CREATE TEMP TABLE*", "COPY*", 'DELETE FROM "finance"*', 'INSERT INTO "finance"*', 'UPDATE "lakehouse"*', 'INSERT INTO "lakehouse"*',
    "COMMIT*")
"""Statements of a load, in order."""


def prepared(one: OneTable, *, incremental: bool) -> None:
    """The old row is loaded, the new one is in the lake."""
    if incremental:
        one.append(*MANY[10:])
    one.append(OLD)
    one.load()
    one.upsert(NEW)


def seen(one: OneTable) -> list[object]:
    """What a reader sees of the row."""
    return [row[2] for row in one.held if row[0] == 1]


def test_a_load_that_is_cut_off_anywhere_shows_old_rows_or_new_ones(on_redshift: OneTable, server: Running) -> None:
    on_redshift.append(*MANY)
    on_redshift.load()
    expected = list(MANY)
    for statement in STATEMENTS:
        before = len(expected)
        expected.append({"id": -before, "note": "new"})
        on_redshift.append(expected[-1])
        fault = server.faults.cut_before(statement)
        with pytest.raises(TransientError):
            on_redshift.load()
        assert (server.faults.met(fault), on_redshift.warehouse.count(PLACE)) == (1, before), statement
        done = on_redshift.load()
        assert (passed(done), done.rows) == (True, len(expected)), statement
    assert same(on_redshift)


@pytest.mark.parametrize("incremental", [True, False])
def test_a_commit_whose_answer_is_lost_is_not_made_twice(on_redshift: OneTable, server: Running, *, incremental: bool) -> None:
    prepared(on_redshift, incremental=incremental)
    fault = server.faults.cut_after("COMMIT*")
    with pytest.raises(TransientError):
        on_redshift.load()
    assert (server.faults.met(fault), seen(on_redshift)) == (1, ["new"])
    again = on_redshift.load()
    assert (passed(again), again.figures["mode"], same(on_redshift)) == (True, "nothing", True)


def test_transactions_that_meet_are_tried_again(on_redshift: OneTable, server: Running) -> None:
    prepared(on_redshift, incremental=False)
    server.faults.refuse("1023", 'INSERT INTO "finance"*')
    with pytest.raises(TransientError, match="1023"):
        on_redshift.load()
    assert passed(on_redshift.load())


@pytest.mark.parametrize("lost", ["refuse", "reset", "drop_answer"])
def test_a_submission_is_made_once_whatever_becomes_of_its_answer(on_redshift: OneTable, aws: StandIns, server: Running, lost: str) -> None:
    prepared(on_redshift, incremental=False)
    fault = getattr(aws.faults, lost)("redshift-data", "BatchExecuteStatement")
    server.statements.clear()
    assert passed(on_redshift.load())
    assert (aws.faults.met(fault), same(on_redshift)) == (1, True)
    assert len(server.statements.like('INSERT INTO "finance"*')) == 1


def waiting(one: OneTable, wait: Callable[[float], None]) -> Callable[[], RedshiftWarehouse]:
    """A warehouse whose batches are waited for so."""
    bound, account = one.settings, one.account
    assert isinstance(bound, Redshift)
    made = RedshiftWarehouse(bound, account, batches=DataApi(account, bound, Pace(first=0.02, wait=wait)))
    return lambda: made


def interrupted(_: float) -> None:
    raise Killed


def test_an_interrupted_load_is_cancelled(on_redshift: OneTable, server: Running) -> None:
    prepared(on_redshift, incremental=False)
    server.faults.delay(2.0, 'DELETE FROM "finance"*')
    on_redshift.made = waiting(on_redshift, interrupted)
    with pytest.raises(Killed):
        on_redshift.load()
    on_redshift.made = waiting(on_redshift, time.sleep)
    assert passed(on_redshift.load())
    assert (seen(on_redshift), same(on_redshift)) == (["new"], True)
    assert len(server.statements.like('INSERT INTO "finance"*', outcome="done")) == 2


def test_a_batch_that_goes_on_when_nobody_waits_is_found_by_the_next_try(on_redshift: OneTable, aws: StandIns, server: Running) -> None:
    prepared(on_redshift, incremental=False)
    server.statements.clear()
    server.faults.delay(1.0, 'DELETE FROM "finance"*')
    aws.faults.refuse("redshift-data", "CancelStatement", status=400, code="AccessDeniedException")
    on_redshift.made = waiting(on_redshift, interrupted)
    with pytest.raises(Killed):
        on_redshift.load()
    on_redshift.made = waiting(on_redshift, time.sleep)
    assert passed(on_redshift.load())
    assert (seen(on_redshift), same(on_redshift)) == (["new"], True)
    assert len(server.statements.like('DELETE FROM "finance"*')) == 1


@pytest.mark.parametrize("point", ["warehouse.load.before", "warehouse.load.after"])
def test_a_process_that_dies_at_the_commit_leaves_old_rows_or_new_ones(one: OneTable, point: str) -> None:
    prepared(one, incremental=False)
    with killed_at(point), pytest.raises(Killed):
        one.load()
    assert seen(one) == (["old"] if point.endswith("before") else ["new"])
    assert passed(one.load())
    assert (seen(one), same(one)) == (["new"], True)


@pytest.mark.parametrize("point", ["warehouse.define.before", "warehouse.define.after"])
def test_a_process_that_dies_while_a_table_is_made_leaves_nothing_in_the_way(one: OneTable, point: str) -> None:
    one.append(OLD)
    with killed_at(point), pytest.raises(Killed):
        one.load()
    assert passed(one.load())
    assert same(one)


class Killed(BaseException):
    """What a planted fault raises."""


@contextmanager
def killed_at(point: str) -> Iterator[None]:
    """The process dies there."""
    def hook(reached: str) -> None:
        if reached == point:
            raise Killed

    faults.install(hook)
    try:
        yield
    finally:
        faults.install(None)


def test_a_rebuild_that_is_cut_off_leaves_the_table_to_its_readers(on_redshift: OneTable, server: Running) -> None:
    on_redshift.append({"id": 1, "amount": Decimal(5), "note": "x"})
    on_redshift.load()
    on_redshift.contract = contract({"id": "bigint", "note": "varchar(20)"})
    for statement in ("INSERT INTO*__new*", "ALTER TABLE*RENAME*", "DROP TABLE*", "commit*"):
        fault = server.faults.cut_before(statement)
        with pytest.raises(TransientError):
            on_redshift.load()
        assert server.faults.met(fault) == 1
        assert server.rows("select id, amount, note from finance.curated_sale") == [(1, 5, "x")]
    assert passed(on_redshift.load())
    assert on_redshift.held == [(1, "x")]


def test_readers_are_granted_and_revoked(on_redshift: OneTable, server: Running) -> None:
    def readers() -> list[str]:
        return sorted(row[0] for row in server.rows(
            "select identity_name from svv_relation_privileges where relation_name = 'curated_sale' and identity_type = 'role'"))

    on_redshift.append({"id": 1})
    on_redshift.load()
    assert readers() == ["analyst", "auditor"]
    on_redshift.contract = replace(on_redshift.contract, roles=(Role("intern", Access.READ), Role("auditor", Access.WRITE)))
    on_redshift.load()
    assert readers() == ["auditor", "intern"]


def test_a_reader_that_comes_with_a_rebuild_gets_at_the_schema_too(on_redshift: OneTable, server: Running) -> None:
    on_redshift.append({"id": 1, "amount": Decimal(5)})
    on_redshift.load()
    server.rows("revoke usage on schema finance from intern")
    on_redshift.contract = replace(contract({"id": "bigint"}), roles=(Role("intern", Access.READ),))
    assert "rebuilt" in str(on_redshift.load().figures["table_changed"])
    assert server.rows("select has_schema_privilege('intern', 'finance', 'usage')") == [(True,)]
    assert server.rows("select has_table_privilege('intern', 'finance.curated_sale', 'select')") == [(True,)]


def test_the_declared_layout_is_what_redshift_has(on_redshift: OneTable, server: Running) -> None:
    laid = WarehouseLayout(("curated",), Distribution.KEY, "id", ("amount", "id"), {"note": "zstd"})
    on_redshift.append({"id": 1})
    assert on_redshift.load().figures["distribution"] == "all"
    on_redshift.contract = replace(on_redshift.contract, warehouse=laid)
    done = on_redshift.load()
    assert str(done.figures["table_changed"]).startswith("finance.curated_sale rebuilt: sort key is (amount, id), not (id)")
    assert server.rows("select diststyle, sortkey1, sortkey_num from svv_table_info where schema = 'finance'") == [("KEY(id)", "amount", 2)]
    assert "table_changed" not in on_redshift.load().figures


def test_a_view_that_binds_late_survives_the_rebuild(on_redshift: OneTable, server: Running) -> None:
    on_redshift.append({"id": 1, "amount": Decimal(5), "note": "x"})
    on_redshift.load()
    with closing(connect(**server.client)) as connection:
        cursor = connection.cursor()
        cursor.execute("create view finance.notes as select note from finance.curated_sale with no schema binding")
        connection.commit()
        on_redshift.contract = contract({"id": "bigint", "note": "varchar(20)"})
        on_redshift.load()
        cursor.execute("select note from finance.notes")
        assert [list(row) for row in cursor.fetchall()] == [["x"]]


def test_a_text_longer_than_its_column_is_refused_and_says_what_to_do(on_redshift: OneTable) -> None:
    on_redshift.append({"id": 1, "note": "y" * 81})
    with pytest.raises(TerminalError, match="give the contract's physicalType the length that the source has") as refused:
        on_redshift.load()
    assert "yyy" not in str(refused.value)


def test_a_load_of_more_statements_than_a_batch_may_have_goes_by_connection(on_redshift: OneTable) -> None:
    bound = on_redshift.settings
    assert isinstance(bound, Redshift)
    assert not fits([Statement("SELECT 1")] * 41)
    assert not fits([Statement("x" * 100_001)])
    by_connection = RedshiftWarehouse(bound, on_redshift.account, batches=Session(bound))
    on_redshift.made = lambda: by_connection
    prepared(on_redshift, incremental=True)
    assert passed(on_redshift.load())
    assert same(on_redshift)
    on_redshift.replace({"id": 7}, {"id": 7})
    with pytest.raises(LoadRefused, match="rows with the same key"):
        on_redshift.load()
