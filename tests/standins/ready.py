"""What an account has before the platform comes: buckets, a queue, a key, a role, an application, a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3

from tests.standins.account import APPLICATION, ROLE, StandIns
from tests.standins.image import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import QueueConfigurationTypeDef

BUCKET = "lakehouse"
QUEUE = "lakehouse-landing"
QUEUE_VARIABLE = "LAKEHOUSE_LANDING_QUEUE"
DOMAINS = ("customer", "finance", "operations", "risk")
KEY_ALIAS = "alias/lakehouse"
KEY_VARIABLE = "LAKEHOUSE_KMS_KEY"
JOB = "lakehouse"


def furnish(running: StandIns) -> dict[str, str]:
    """Make it all; gives the variables that say where it is."""
    account = running.account
    account.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    _role(running)
    running.add_application(APPLICATION)
    account.glue.create_job(
        Name=JOB, Role=ROLE, GlueVersion="5.1", WorkerType="G.1X", NumberOfWorkers=4, ExecutionProperty={"MaxConcurrentRuns": 20},
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/artifacts/entry.py", "PythonVersion": "3"},
    )  # fmt: skip
    key = account.kms.create_key(Description="lakehouse")["KeyMetadata"]
    account.kms.create_alias(AliasName=KEY_ALIAS, TargetKeyId=key["KeyId"])
    return {**running.environment, QUEUE_VARIABLE: _landing(running), KEY_VARIABLE: key["Arn"]}


def _role(running: StandIns) -> None:
    iam = boto3.client("iam", endpoint_url=running.address, region_name=REGION)
    trusted = {"Service": ["emr-serverless.amazonaws.com", "glue.amazonaws.com"]}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(trust))


def _landing(running: StandIns) -> str:
    """The queue's URL: the bucket tells it of each file that lands for a domain."""
    account = running.account
    url = account.sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told: list[QueueConfigurationTypeDef] = [
        {
            "QueueArn": arn,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": f"lake/raw/{domain}/_landing/"}]}},
        }
        for domain in DOMAINS
    ]
    account.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": told})
    return url
