"""Files land on S3, its messages come through SQS, the sensor asks for runs, and the runs take each file in once."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from lakehouse_platform import faults
from lakehouse_platform.jobs.landing import take_in
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration import build_definitions
from lakehouse_platform.orchestration.instance import open_instance
from lakehouse_platform.orchestration.landing import FIRST_WAIT, build_landing_sensor, plan_runs
from lakehouse_platform.orchestration.materialize import RunResult, materialize
from lakehouse_platform.orchestration.observations import Runs, observed
from tests.core.landing_cases import Shop, shop
from tests.core.test_landing_events import bridged, notified
from tests.standins.account import StandIns
from tests.standins.faults import Effect, Fault
from tests.standins.fixtures import aws_jars, aws_stand_ins, module_stand_ins
from tests.standins.image import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import FilterRuleTypeDef, QueueConfigurationTypeDef

__all__ = ["aws_jars", "aws_stand_ins", "module_stand_ins"]

ROOT = Path(__file__).parents[2]
HEADER = "order_id,amount,status,changed_at\n"
FOLDER = "raw/sales/_landing/orders"
HIDDEN = 2
"""Seconds after which a message is given again."""
RAW = dg.AssetKey(["raw", "sales", "orders"])


@dataclass
class Yard:
    """A lakehouse on S3 whose only table comes in files, and its sensor."""

    aws: StandIns
    bucket: str
    queue: str
    shop: Shop
    instance: dg.DagsterInstance
    cursor: str | None = None

    def __post_init__(self) -> None:
        self.sensor = build_landing_sensor(self.shop.project, hidden=HIDDEN)
        self.defs = build_definitions(self.shop.project, sensors=[self.sensor])

    def land(self, name: str, content: str, folder: str = FOLDER) -> None:
        self.aws.account.s3.put_object(Bucket=self.bucket, Key=f"lake/{folder}/{name}", Body=content.encode())

    def say(self, message: object) -> None:
        self.aws.account.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(message))

    def tick(self) -> Sequence[dg.RunRequest]:
        """What one evaluation of the sensor asks for."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, definitions=self.defs)
        result = self.sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result.run_requests or []

    def run(self, request: dg.RunRequest) -> RunResult:
        """Do what was asked for, in this process."""
        assert request.asset_selection is not None
        assert request.partition_key is not None
        return materialize(self.defs, self.instance, request.asset_selection, [request.partition_key], tags=dict(request.tags))

    def waiting(self) -> int:
        """Messages that the queue holds, those that somebody looks at included."""
        held = self.aws.account.sqs.get_queue_attributes(
            QueueUrl=self.queue, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
        return sum(map(int, held.values()))

    @property
    def landed(self) -> list[str]:
        held = self.aws.account.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"lake/{FOLDER}/").get("Contents", [])
        return [entry["Key"] for entry in held]

    @property
    def quarantine(self) -> list[str]:
        prefix = "lake/raw/sales/_landing/_quarantine/"
        held = self.aws.account.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [entry["Key"].removeprefix(prefix) for entry in held]


@pytest.fixture
def yard(aws_stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # so that it is put back
    account, name = aws_stand_ins.account, f"yard-{tmp_path.name.replace('_', '-').lower()[-40:].strip('-')}"
    account.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    queue = account.sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rules: list[FilterRuleTypeDef] = [{"Name": "prefix", "Value": "lake/raw/sales/_landing/"}]
    told: QueueConfigurationTypeDef = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    account.s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"QueueConfigurations": [told]})
    (tmp_path / "queue.url").write_text(queue)
    more = f"aws: {{region: {REGION}, endpoint: {{env: LAKEHOUSE_AWS_ENDPOINT}}}}\nlanding: {{queue: {{file: queue.url}}}}\n"
    made = shop(tmp_path, lake=f"lake: {{root: s3://{name}/lake}}", more=more)
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    with open_instance(made.project) as instance:
        yield Yard(aws_stand_ins, name, queue, made, instance)


def test_file_that_lands_is_in_raw_after_the_run_and_its_message_is_gone_then(yard: Yard) -> None:
    yard.land("a b.csv", HEADER + "1,10,a,\n")
    (request,) = yard.tick()
    assert request.asset_selection == [RAW]
    assert yard.waiting() == 1
    assert yard.run(request).success
    assert [b.rows for b in yard.shop.batches] == [1]
    assert yard.landed == []
    time.sleep(HIDDEN)
    assert yard.tick() == []
    assert yard.waiting() == 0
    yard.shop.merge(str(request.partition_key))
    assert yard.shop.rows(Zone.ODS, "order_id") == [(1,)]


@pytest.mark.parametrize("event", [notified, bridged])
def test_message_that_comes_twice_asks_for_one_run(yard: Yard, event: Callable[..., object]) -> None:
    yard.land("a.csv", HEADER + "1,10,a,\n")
    yard.say(event(f"lake/{FOLDER}/a.csv", bucket=yard.bucket))
    first = yard.tick()
    yard.say(event(f"lake/{FOLDER}/a.csv", bucket=yard.bucket))
    second = yard.tick()
    assert len(first) == 1
    assert {request.run_key for request in first} == {request.run_key for request in second}
    yard.run(first[0])
    yard.run(second[0])
    assert [b.rows for b in yard.shop.batches] == [1]


def test_late_message_about_a_file_that_is_in_raw_asks_for_nothing(yard: Yard) -> None:
    yard.land("a.csv", HEADER + "1,10,a,\n")
    yard.run(yard.tick()[0])
    yard.say(bridged(f"lake/{FOLDER}/a.csv", bucket=yard.bucket))
    time.sleep(HIDDEN)
    assert yard.tick() == []
    assert yard.waiting() == 0


def test_file_whose_message_was_lost_is_found(yard: Yard) -> None:
    yard.land("a.csv", HEADER + "1,10,a,\n")
    yard.aws.account.sqs.purge_queue(QueueUrl=yard.queue)
    assert len(yard.tick()) == 1


def test_folders_are_not_listed_at_each_tick(yard: Yard) -> None:
    yard.tick()
    before = yard.aws.count("s3", "ListObjectsV2", f"{yard.bucket}*")
    assert yard.tick() == []
    assert yard.aws.count("s3", "ListObjectsV2", f"{yard.bucket}*") == before


def test_messages_about_nothing_are_deleted_and_those_nobody_knows_are_left(yard: Yard) -> None:
    yard.say({"Service": "Amazon S3", "Event": "s3:TestEvent"})
    yard.say(notified("lake/raw/sales/orders/part-0.parquet", bucket=yard.bucket))
    yard.say(notified("lake/raw/sales/_landing/_quarantine/orders/a.csv", bucket=yard.bucket))
    yard.say(notified(f"lake/{FOLDER}/a.csv", bucket="another"))
    yard.say("hello")
    assert yard.tick() == []
    assert yard.waiting() == 1


def test_batch_that_was_committed_before_the_kill_is_adopted(yard: Yard) -> None:
    class Killed(BaseException):
        """The process is gone."""

    def hook(reached: str) -> None:
        if reached == "landing.copy.before":
            raise Killed

    yard.land("a.csv", HEADER + "1,10,a,\n")
    (request,) = yard.tick()
    faults.install(hook)
    try:
        with pytest.raises(Killed):
            take_in(yard.shop.project, yard.shop.contract, str(request.partition_key))
    finally:
        faults.install(None)
    time.sleep(HIDDEN)
    (again,) = yard.tick()
    assert yard.run(again).success
    assert [b.batch_id for b in yard.shop.batches] == [f"{request.partition_key}#1"]
    assert yard.landed == []


def test_malformed_file_goes_to_quarantine_is_told_of_and_holds_nothing_up(yard: Yard) -> None:
    yard.land("a.csv", HEADER + "1\n")
    yard.land("b.csv", HEADER + "1,10,a,\n")
    (request,) = yard.tick()
    assert yard.run(request).success
    assert [b.rows for b in yard.shop.batches] == [1]
    assert sorted(name.partition("-")[2] for name in yard.quarantine) == ["a.csv", "a.csv.reason.json"]
    found = yard.instance.event_log_storage.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION))
    seen = [o for record in found for o in observed(record, Runs(yard.instance)) if not o.passed]
    assert [(o.trouble, o.asset, o.text) for o in seen] == [
        ("malformed", "raw/sales/orders", "a.csv: Row 1 after the header has 1 values, and the header has 4.")]
    time.sleep(HIDDEN)
    yard.tick()
    assert yard.waiting() == 0


def test_run_that_can_take_nothing_in_fails_and_materializes_nothing(yard: Yard) -> None:
    yard.land("a.csv", HEADER + "1\n")
    (request,) = yard.tick()
    assert not yard.run(request).success
    assert yard.instance.get_latest_materialization_event(RAW) is None
    assert len(yard.quarantine) == 2


def test_file_that_no_contract_takes_goes_to_quarantine_and_is_told_of(yard: Yard) -> None:
    yard.tick()
    yard.land("a.csv", "x", "raw/sales/_landing/ordres")
    assert yard.tick() == []
    found = yard.instance.event_log_storage.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION))
    (told,) = [seen for record in found for seen in observed(record, Runs(yard.instance))]
    assert (told.asset, told.passed, dict(told.figures)) == ("landing/sales", False, {"files_refused": 1})
    assert told.text.startswith("No contract takes files from raw/sales/_landing/ordres. Files may land in")
    assert sorted(name.partition("-")[2] for name in yard.quarantine) == ["a.csv", "a.csv.reason.json"]
    time.sleep(HIDDEN)
    yard.tick()
    assert yard.waiting() == 0


def test_failed_run_is_asked_for_again_later_and_later(yard: Yard) -> None:
    yard.land("a.csv", HEADER + "1,10,a,\n")
    (request,) = yard.tick()
    refusal = yard.aws.faults.plan(Fault(Effect.REFUSE, "s3", "GetObject", "*a.csv", None, 60, 403, "AccessDenied"))
    assert not yard.run(request).success
    assert yard.aws.faults.met(refusal) > 0
    found = {"sales.orders": yard.shop.project.inbox("sales").waiting("orders")}
    now = dt.datetime.now(tz=dt.UTC)

    def asked(after: dt.timedelta) -> list[str | None]:
        return [r.run_key for r in plan_runs(yard.shop.project, yard.instance, found, now + after)]

    digest = str(request.run_key).partition(":")[0]
    assert asked(FIRST_WAIT / 2) == []
    assert asked(FIRST_WAIT) == [f"{digest}:1"]


def test_files_are_not_asked_for_while_their_run_goes_on(yard: Yard) -> None:
    yard.land("a.csv", HEADER + "1,10,a,\n")
    (request,) = yard.tick()
    yard.instance.add_run(dg.DagsterRun(job_name="landing", tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED))
    time.sleep(HIDDEN)
    assert yard.tick() == []


def test_tables_that_come_in_files_have_no_schedule(yard: Yard) -> None:
    assert list(yard.defs.schedules or ()) == []


def test_folder_of_one_machine_needs_no_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # so that it is put back
    made = shop(tmp_path)
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    made.land("a.csv", HEADER + "1,10,a,\n")
    with open_instance(made.project) as instance:
        sensor = build_landing_sensor(made.project)
        defs = build_definitions(made.project, sensors=[sensor])
        result = sensor(dg.build_sensor_context(instance=instance, definitions=defs))
        assert isinstance(result, dg.SensorResult)
        (request,) = result.run_requests or []
        assert materialize(defs, instance, [RAW], [str(request.partition_key)], tags=dict(request.tags)).success
    assert [b.rows for b in made.batches] == [1]
