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
    Environment,
    LakeSettings,
    PartitionSettings,
    SettingsErrors,
    environment_names,
    environment_schema,
    load_environment,
)
from lakehouse_platform.settings.references import Reference, load_function
from lakehouse_platform.settings.serving import Domo, DomoInstance, DuckDbWarehouse, Folder, Redshift, Slack

__all__ = [
    "FOLDER", "AthenaBlock", "Aws", "CatalogBlock", "Compute", "ComputeBlock", "Connection", "Domo", "DomoInstance", "DuckDbWarehouse",
    "EmrServerlessBlock", "Environment", "Folder", "GlueBlock", "LakeSettings", "MachineBlock", "ObjectStore", "PartitionSettings",
    "PricesBlock", "Redshift", "Reference", "SettingsErrors", "Slack", "SparkBlock", "environment_names", "environment_schema",
    "load_environment", "load_function",
]
