"""What an environment says of AWS: where the lake's objects lie, the catalog, Athena, what runs large steps, and what that costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from lakehouse_platform.contracts.strict import Closed
from lakehouse_platform.naming import NAME
from lakehouse_platform.settings.references import Reference, ReferenceBlock

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Price = Annotated[float, Field(ge=0)]

LEAST_RELEASE = (7, 12, 0)
"""First EMR release whose Spark may write Delta tables under Lake Formation."""
LEAST_GLUE = (5, 1)
"""First Glue version with the same Spark and Delta as that release."""


def _object_uri(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/]+)*/?", value):
        raise ValueError(f'"{value}" is not an S3 address. Write it as s3://bucket/folder.')
    return value.rstrip("/") if isinstance(value, str) else value


def _prefix(value: object) -> object:
    if isinstance(value, str) and not NAME.match(value):
        raise ValueError(f'"{value}" is not a valid prefix: use lower-case letters, digits and _, beginning with a letter.')
    return value


def _release(value: object) -> object:
    found = re.fullmatch(r"emr-(\d+)\.(\d+)\.(\d+)", value) if isinstance(value, str) else None
    if isinstance(value, str) and (found is None or not LEAST_RELEASE <= tuple(map(int, found.groups())) < (8,)):
        raise ValueError(f'"{value}" is not a release that can be used: emr-7.12.0 or a later 7.x, for Delta under Lake Formation.')
    return value


def _glue_version(value: object) -> object:
    found = re.fullmatch(r"(\d+)\.(\d+)", value) if isinstance(value, str) else None
    if isinstance(value, str) and (found is None or tuple(map(int, found.groups())) < LEAST_GLUE):
        raise ValueError(f'"{value}" is not a Glue version that can be used: "5.1" or later, for Spark 3.5.6 and Delta 3.3.2.')
    return value


ObjectUri = Annotated[str, BeforeValidator(_object_uri)]
Prefix = Annotated[str, BeforeValidator(_prefix)]
StorageClass = Literal["STANDARD", "INTELLIGENT_TIERING", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR"]
"""Classes whose objects can be read at once; archived ones would break readers."""


class AwsBlock(Closed):
    """The account's region; credentials are the machine's own."""

    region: Text
    endpoint: ReferenceBlock | None = None
    """Address of stand-ins for all services; AWS's own where nothing is said."""


class CatalogBlock(Closed):
    """The Glue catalog."""

    prefix: Prefix
    """Databases are `<prefix>_<domain>`."""
    crawler_role: Text | None = None
    """Role of the crawlers that audit Raw; there are none without."""


class AthenaBlock(Closed):
    """Athena."""

    workgroup: Prefix
    """Workgroups are `<workgroup>_<domain>`."""
    results: ObjectUri
    """Where results go."""
    scan_cap_mb: Annotated[int, Field(ge=10)] = 10_240
    """What one query may read at most; Athena takes no less than 10."""
    price_per_tb: Price = 0.0
    """US dollars that the region charges for a terabyte read; most charge 5."""


class MachineBlock(Closed):
    """A driver or an executor."""

    cores: Literal[1, 2, 4, 8, 16] = 2
    memory_gb: Annotated[int, Field(ge=2, le=120)] = 8
    """Spark's heap; a tenth is added for what lies outside it."""


class SparkBlock(Closed):
    """Spark on this machine."""

    cores: Count = 2
    memory_gb: Count = 4


class EmrServerlessBlock(Closed):
    """An EMR Serverless application."""

    application: Text
    """Its id."""
    role: Text
    """ARN of the role that jobs have."""
    release: Annotated[str, BeforeValidator(_release)] = "emr-7.12.0"
    """What the application must run; it is compared with the application's own before a job is submitted."""
    driver: MachineBlock = MachineBlock()
    executor: MachineBlock = MachineBlock(cores=4, memory_gb=16)
    max_executors: Count = 10
    timeout_minutes: Count = 120


class GlueBlock(Closed):
    """A Glue job."""

    job: Text
    """Its name."""
    version: Annotated[str, BeforeValidator(_glue_version)] = "5.1"
    """What the job must run; it is compared with the job's own before a run is started."""
    worker: Literal["G.1X", "G.2X", "G.4X", "G.8X"] = "G.1X"
    workers: Annotated[int, Field(ge=2)] = 4
    timeout_minutes: Count = 120


class PricesBlock(Closed):
    """What the environment's region charges."""

    currency: Text = "USD"
    vcpu_hour: Price = 0.0
    gb_hour: Price = 0.0
    """Of memory."""
    storage_gb_hour: Price = 0.0
    """Of disk beyond what is free."""
    dpu_hour: Price = 0.0


class ComputeBlock(Closed):
    """What runs large steps. Below both thresholds a step runs in process."""

    spark_from_mb: Count | None = None
    """Bytes that a step touches, in MB, from which Spark on this machine runs it; never, where nothing is said."""
    distributed_from_mb: Count | None = None
    """From which `distributed` runs it; the size from which memory runs short, where nothing is said."""
    distributed: Literal["emr_serverless", "glue"] | None = None
    artifacts: ObjectUri | None = None
    """Where the wheel, its dependencies and the contracts are uploaded, once per version."""
    python: Text | None = None
    """Archive with the Python that jobs run on, made for the service's image: a file of the project, or an address on S3. Without it,
    the Python that submits a job is packed.
    """
    spark: SparkBlock = SparkBlock()
    emr_serverless: EmrServerlessBlock | None = None
    glue: GlueBlock | None = None
    tags: dict[Text, str] = Field(default={})
    """On every job, for the bill."""
    prices: PricesBlock = PricesBlock()

    @model_validator(mode="after")
    def _complete(self) -> ComputeBlock:
        if self.distributed is None and self.distributed_from_mb is not None:
            raise ValueError("distributed_from_mb says from which size on, and nothing says what runs it: distributed.")
        if self.distributed is not None and getattr(self, self.distributed) is None:
            raise ValueError(f"distributed is {self.distributed}, and there is no {self.distributed} that says which one.")
        if (self.emr_serverless or self.glue) and self.artifacts is None:
            raise ValueError("jobs need artifacts: an S3 address that the wheel and the contracts are uploaded to.")
        return self


class LandingBlock(Closed):
    """Where systems that push leave files."""

    queue: ReferenceBlock
    """URL of the SQS queue that S3's events go to."""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """How the lake's objects are reached and kept, for all engines alike."""

    region: str
    endpoint: Reference | None = None
    """Address of a stand-in; AWS's own without."""
    kms_key: str | None = None
    """Key that new objects are encrypted with (SSE-KMS); the bucket's default without."""
    storage_class: Mapping[str, str] = field(default_factory=dict)
    """Storage class of new objects by zone; STANDARD where nothing is said."""

    @property
    def address(self) -> str | None:
        """The stand-in's address, None for AWS itself. Raises SettingsError where the reference leads nowhere."""
        return self.endpoint.resolve() if self.endpoint is not None else None


@dataclass(frozen=True, slots=True)
class Aws:
    """The account as this environment sees it."""

    region: str
    endpoint: Reference | None = None

    @property
    def address(self) -> str | None:
        """The stand-ins' address, None for AWS itself. Raises SettingsError where the reference leads nowhere."""
        return self.endpoint.resolve() if self.endpoint is not None else None
