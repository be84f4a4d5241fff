"""The stand-in for Redshift's Data API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.core.redshift_sessions import do, module_warehouse, warehouse
from tests.standins.account import stand_ins
from tests.standins.image import CREDENTIALS, REGION
from tests.standins.redshift import Redshift, redshift_beside

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient as Api
    from mypy_boto3_redshift_data.type_defs import DescribeStatementResponseTypeDef as Described

__all__ = ["module_warehouse", "warehouse"]

ENDED = ("FINISHED", "FAILED", "ABORTED")


@pytest.fixture
def api(warehouse: Redshift) -> Api:
    do(warehouse, "create table finance.t (id int, name varchar(5))")
    return client(warehouse.api.address)


def client(address: str) -> Api:
    return boto3.client("redshift-data", endpoint_url=address, region_name=REGION, aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"])


def execute(api: Api, sql: str, **more: Any) -> str:
    return api.execute_statement(**{"Sql": sql, "WorkgroupName": "lakehouse", "Database": "lakehouse", **more})["Id"]


def batch(api: Api, *statements: str) -> str:
    return api.batch_execute_statement(Sqls=list(statements), ClusterIdentifier="lakehouse", DbUser="lakehouse", Database="lakehouse")["Id"]


def ended(api: Api, statement: str) -> Described:
    for _ in range(500):
        found = api.describe_statement(Id=statement)
        if found["Status"] in ENDED:
            return found
        time.sleep(0.01)
    raise TimeoutError(found["Status"])


def test_statement_is_run_and_its_rows_are_fetched(api: Api) -> None:
    values = [{"name": "id", "value": "5"}, {"name": "name", "value": "a%b"}]
    ended(api, execute(api, "insert into finance.t values (:id, :name)", Parameters=values))
    columns = "id, name, id > 4 as b, null as n, 1.5::float8 as f, 1.50::decimal(4,2) as d"
    statement = execute(api, f"select {columns} from finance.t where name like '%'")
    assert ended(api, statement)["HasResultSet"]
    result = api.get_statement_result(Id=statement)
    assert [next(iter(field.values())) for field in result["Records"][0]] == [5, "a%b", True, True, 1.5, "1.50"]
    assert [column["typeName"] for column in result["ColumnMetadata"]][:3] == ["int4", "varchar", "bool"]


def test_same_token_is_the_same_execution(warehouse: Redshift, api: Api) -> None:
    first, again, other = (execute(api, "insert into finance.t values (1)", ClientToken=token) for token in ("a", "a", "b"))
    ended(api, first), ended(api, other)
    assert (first == again, first == other) == (True, False)
    assert do(warehouse, "select count(*) from finance.t") == [(2,)]


def test_failed_statement_says_why(api: Api) -> None:
    found = ended(api, execute(api, "insert into finance.t values (1, 'toolong')"))
    assert (found["Status"], found["Error"]) == ("FAILED", "ERROR: value too long for type character varying(5)")


def test_batch_is_one_transaction(warehouse: Redshift, api: Api) -> None:
    good = "insert into finance.t values (1, 'a')"
    assert ended(api, batch(api, good, good))["Status"] == "FINISHED"
    failed = ended(api, batch(api, good, "insert into finance.t values (1, 'toolong')", good))
    assert [part["Status"] for part in failed["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert failed["Error"] == failed["SubStatements"][1]["Error"]
    assert do(warehouse, "select count(*) from finance.t") == [(2,)]


def test_result_of_a_batch_is_that_of_one_of_its_statements(api: Api) -> None:
    statement = batch(api, "select 1", "select 2")
    ended(api, statement)
    assert api.get_statement_result(Id=f"{statement}:2")["Records"] == [[{"longValue": 2}]]


def test_statement_that_is_cancelled_is_aborted(api: Api) -> None:
    statement = execute(api, "select pg_sleep(30)")
    while api.describe_statement(Id=statement)["Status"] != "STARTED":
        time.sleep(0.01)
    assert api.cancel_statement(Id=statement)["Status"]
    assert ended(api, statement)["Status"] == "ABORTED"
    with pytest.raises(api.exceptions.ValidationException, match="already in ABORTED state"):
        api.cancel_statement(Id=statement)


def test_cut_connection_fails_the_statement(warehouse: Redshift, api: Api) -> None:
    warehouse.faults.cut_before("*finance.t*")
    assert ended(api, execute(api, "select * from finance.t"))["Status"] == "FAILED"


def test_call_that_names_no_place_or_no_statement_is_refused(api: Api) -> None:
    with pytest.raises(api.exceptions.ValidationException, match="must be specified"):
        api.execute_statement(Sql="select 1", Database="lakehouse")
    with pytest.raises(api.exceptions.ValidationException, match="endpoint doesn't exist"):
        execute(api, "select 1", WorkgroupName="another")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.describe_statement(Id="nothing")
    statement = execute(api, "insert into finance.t values (1)")
    ended(api, statement)
    with pytest.raises(api.exceptions.ResourceNotFoundException, match="does not have result"):
        api.get_statement_result(Id=statement)


def test_statements_are_listed_by_name_and_state(api: Api) -> None:
    ended(api, execute(api, "select 1", StatementName="nightly-1"))
    ended(api, execute(api, "select nothing", StatementName="nightly-2"))
    listed = api.list_statements(Status="FAILED", StatementName="nightly")["Statements"]
    assert [(found["StatementName"], found["Status"]) for found in listed] == [("nightly-2", "FAILED")]


def test_accounts_address_leads_to_the_warehouse_beside_it() -> None:
    with stand_ins() as running, redshift_beside(running) as warehouse:
        api = client(running.address)
        assert ended(api, execute(api, "select 1"))["Status"] == "FINISHED"
        running.faults.refuse("redshift-data", "ExecuteStatement", status=400, code="ActiveStatementsExceededException", times=5)
        with pytest.raises(api.exceptions.ActiveStatementsExceededException):
            execute(api, "select 2")
        assert [entry.text for entry in warehouse.statements.like(verb="SELECT")] == ["select 1"]
