"""Environments: what a lakehouse is bound to where it runs."""

from lakehouse_platform.contracts.contract import Compute
from lakehouse_platform.settings.cloud import (
    AthenaBlock,
    Aws,
    CatalogBlock,
    ComputeBlock,
    EmrServerlessBlock,
    GlueBlock,
    MachineBlock,
    ObjectStore,
    PricesBlock,
    SparkBlock,
)
from lakehouse_platform.settings.environment import (
    FOLDER,
    Connection,
    Destination,
    Environment,
    LakeSettings,
    PartitionSettings,
    SettingsErrors,
    environment_names,
    environment_schema,
    load_environment,
)
from lakehouse_platform.settings.references import Reference, load_function

__all__ = [
    "FOLDER", "AthenaBlock", "Aws", "CatalogBlock", "Compute", "ComputeBlock", "Connection", "Destination", "EmrServerlessBlock",
    "Environment", "GlueBlock", "LakeSettings", "MachineBlock", "ObjectStore", "PartitionSettings", "PricesBlock", "Reference",
    "SettingsErrors", "SparkBlock", "environment_names", "environment_schema", "load_environment", "load_function",
]
