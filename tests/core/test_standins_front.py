"""The stand-ins' one address: what goes through it unchanged, and each thing that can go wrong on purpose."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from deltalake import DeltaTable, write_deltalake
from pyarrow import table

from tests.standins.account import ROLE, StandIns, stand_ins
from tests.standins.image import REGION
from tests.standins.runs import Pace

EVERY_BYTE = bytes(range(256)) * 40_000
STORAGE = {"AWS_ALLOW_HTTP": "true", "aws_conditional_put": "etag"}


@pytest.fixture(scope="module")
def running() -> Iterator[StandIns]:
    with stand_ins(pace=Pace(state=0.02)) as running:
        running.account.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
        running.add_application()
        yield running


@pytest.fixture
def aws(running: StandIns) -> Iterator[StandIns]:
    yield running
    running.faults.clear()


def impatient(running: StandIns, service: str, *, seconds: int = 10):  # type: ignore[no-untyped-def]  # noqa: ANN201 - boto3 makes the class at run time
    once = Config(retries={"total_max_attempts": 1}, read_timeout=seconds, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=running.address, region_name=REGION, config=once)  # type: ignore[call-overload]


def connected(running: StandIns) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(urlsplit(running.address).netloc))


def submit_to(client, token: str) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    driver = {"sparkSubmit": {"entryPoint": "s3://lake/none.py"}}
    return str(client.start_job_run(applicationId="00standin", clientToken=token, executionRoleArn=ROLE, jobDriver=driver)["jobRunId"])


def test_objects_come_back_byte_for_byte(aws: StandIns) -> None:
    s3 = aws.account.s3
    s3.upload_fileobj(BytesIO(EVERY_BYTE), "lake", "several parts")
    assert aws.count("s3", "UploadPart", "lake/several parts") == 2
    assert s3.head_object(Bucket="lake", Key="several parts")["ContentLength"] == len(EVERY_BYTE)
    assert s3.get_object(Bucket="lake", Key="several parts")["Body"].read() == EVERY_BYTE
    assert s3.get_object(Bucket="lake", Key="several parts", Range="bytes=255-257")["Body"].read() == b"\xff\x00\x01"


def test_body_in_chunks_of_unknown_length_arrives(aws: StandIns) -> None:
    with connected(aws) as connection:
        connection.request("PUT", "/lake/chunks", iter([b"one ", b"two"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert connection.getresponse().status == 200
    assert aws.account.s3.get_object(Bucket="lake", Key="chunks")["Body"].read() == b"one two"


def test_connection_is_kept_open(aws: StandIns) -> None:
    with connected(aws) as connection:
        connection.request("PUT", "/lake/kept", b"1")
        connection.getresponse().read()
        kept = connection.sock
        connection.request("PUT", "/lake/kept_too", b"2")
        assert connection.getresponse().status == 200
        assert connection.sock is kept


def test_conditional_put_has_one_winner(aws: StandIns) -> None:
    s3 = aws.account.s3
    s3.put_object(Bucket="lake", Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="lake", Key="once", Body=b"second", IfNoneMatch="*")


def test_delta_table_of_this_process_lies_there(aws: StandIns) -> None:
    options = {**STORAGE, "AWS_ENDPOINT_URL": aws.address}
    write_deltalake("s3://lake/table", table({"id": [1, 2]}), storage_options=options)
    assert DeltaTable("s3://lake/table", storage_options=options).to_pyarrow_table().num_rows == 2


def test_other_services_are_there_too(aws: StandIns) -> None:
    aws.account.glue.create_database(DatabaseInput={"Name": "sales"})
    assert [found["Name"] for found in aws.account.glue.get_databases()["DatabaseList"]] == ["sales"]
    queue = aws.account.sqs.create_queue(QueueName="landing")["QueueUrl"]
    assert queue.startswith(aws.address)
    aws.account.sqs.send_message(QueueUrl=queue, MessageBody="hello")
    assert aws.account.sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"


def test_refused_calls_are_tried_again(aws: StandIns) -> None:
    aws.faults.refuse("s3", "PutObject", key="lake/slow*", times=2)
    aws.account.s3.put_object(Bucket="lake", Key="slow", Body=b"x")
    assert aws.count("s3", "PutObject", "lake/slow", status=503) == 2
    assert aws.count("s3", "PutObject", "lake/slow", status=200) == 1


def test_refusal_ends_with_its_time(aws: StandIns) -> None:
    client = impatient(aws, "s3")
    aws.faults.refuse("s3", "GetObject", times=None, seconds=2.0, status=500, code="InternalError")
    with pytest.raises(ClientError, match="InternalError"):
        client.get_object(Bucket="lake", Key="late")
    time.sleep(2.0)
    with pytest.raises(ClientError, match="NoSuchKey"):
        client.get_object(Bucket="lake", Key="late")


@pytest.mark.parametrize(("service", "operation", "verb", "arguments"), [
    ("glue", "GetDatabases", "get_databases", {}),
    ("emr-serverless", "GetApplication", "get_application", {"applicationId": "00standin"}),
])  # fmt: skip
def test_throttled_call_says_so(aws: StandIns, service: str, operation: str, verb: str, arguments: dict[str, str]) -> None:
    aws.faults.throttle(service, operation)
    with pytest.raises(ClientError, match="ThrottlingException"):
        getattr(impatient(aws, service), verb)(**arguments)
    assert getattr(impatient(aws, service), verb)(**arguments)


def test_reset_connection_leaves_nothing_done(aws: StandIns) -> None:
    aws.faults.reset("s3", "PutObject", key="lake/reset")
    with pytest.raises(ConnectionClosedError):
        impatient(aws, "s3").put_object(Bucket="lake", Key="reset", Body=b"x")
    assert "Contents" not in aws.account.s3.list_objects_v2(Bucket="lake", Prefix="reset")


def test_dropped_answer_leaves_the_job_submitted(aws: StandIns) -> None:
    aws.faults.drop_answer("emr-serverless", "StartJobRun")
    client = impatient(aws, "emr-serverless")
    with pytest.raises(ConnectionClosedError):
        submit_to(client, "dropped")
    run_id = submit_to(client, "dropped")
    assert [made.run_id for made in aws.submissions if made.token == "dropped"] == [run_id]


def test_delayed_answer_lets_the_client_time_out(aws: StandIns) -> None:
    hasty = impatient(aws, "emr-serverless", seconds=1)
    submit_to(aws.account.emr_serverless, "warm")
    aws.faults.delay_answer("emr-serverless", "StartJobRun", delay=3.0)
    with pytest.raises(ReadTimeoutError):
        submit_to(hasty, "delayed")
    run_id = submit_to(aws.account.emr_serverless, "delayed")
    assert [made.run_id for made in aws.submissions if made.token == "delayed"] == [run_id]


def test_lost_object_was_never_stored(aws: StandIns) -> None:
    aws.faults.lose("lake/messages/*")
    aws.account.s3.put_object(Bucket="lake", Key="messages/1", Body=b"x")
    aws.account.s3.put_object(Bucket="lake", Key="messages/2", Body=b"x")
    listed = aws.account.s3.list_objects_v2(Bucket="lake", Prefix="messages/")["Contents"]
    assert [entry["Key"] for entry in listed] == ["messages/2"]


def test_variables_lead_back_where_they_led() -> None:
    before = dict(os.environ)
    with stand_ins():
        assert os.environ["LAKEHOUSE_AWS_ENDPOINT"].startswith("http://127.0.0.1:")
    assert dict(os.environ) == before
