"""A project: a lakehouse's folder joined with one environment. Everything in it is read when it is first used."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_platform import contracts
from lakehouse_platform.contracts.contract import Contract, Landing, SourceTable
from lakehouse_platform.errors import ContractError, SettingsError, SourceError, UnknownName, did_you_mean
from lakehouse_platform.naming import table_path
from lakehouse_platform.publish.destination import Destination
from lakehouse_platform.settings import Domo, DuckDbWarehouse, Environment, Folder, load_environment
from lakehouse_platform.sources.base import Source
from lakehouse_platform.zones.lake import Lake

if TYPE_CHECKING:
    from lakehouse_platform.aws.base import Account
    from lakehouse_platform.domo.base import Patience
    from lakehouse_platform.domo.instance import Instance
    from lakehouse_platform.domo.public import DomoApi
    from lakehouse_platform.engines.base import Engine
    from lakehouse_platform.settings import CatalogBlock
    from lakehouse_platform.sources.landing import Files, Inbox
    from lakehouse_platform.warehouse.base import Warehouse

STATE = ".lakehouse"
"""Folder of a project for what it makes and nobody commits."""
LOCAL = "local"
"""The environment of one machine."""
INSTANCE = "dagster.yaml"
"""Configuration of the Dagster instance, in the project and in its home."""


@dataclass(frozen=True)
class Project:
    """A lakehouse's folder and the environment that it is bound to."""

    folder: Path
    """Absolute."""
    environment_name: str
    engine: Engine | None = None
    """Reads and writes the lake; Polars where nothing is given."""

    @classmethod
    def open(cls, folder: Path, environment: str = LOCAL) -> Project:
        """The project in `folder`; nothing is read yet."""
        return cls(folder.absolute(), environment)

    def on(self, engine: Engine) -> Project:
        """The same project, its lake on another engine."""
        found = Project(self.folder, self.environment_name, engine)
        found.__dict__.update({name: value for name, value in self.__dict__.items() if name in ("contracts", "environment")})
        return found

    @cached_property
    def contracts(self) -> tuple[Contract, ...]:
        """Every contract, by name. Raises ContractErrors with all that is wrong."""
        return contracts.load(self.contracts_folder)

    @cached_property
    def environment(self) -> Environment:
        """The environment. Raises UnknownName or SettingsErrors."""
        return load_environment(self.folder, self.environment_name)

    @cached_property
    def lake(self) -> Lake:
        """The lake, on the project's engine."""
        if self.engine is not None:
            return Lake(self.environment.lake.root, self.engine)
        from lakehouse_platform.engines.polars import PolarsEngine

        return Lake(self.environment.lake.root, PolarsEngine(self.environment.lake.store))

    @cached_property
    def account(self) -> Account:
        """The environment's AWS account. Raises SettingsError where it names none."""
        from lakehouse_platform.aws.base import Account

        if self.environment.aws is None:
            raise SettingsError(f"{self.environment.path}: it is not said where AWS is. Add `aws: {{region: …}}`.")
        return Account(self.environment.aws)

    @property
    def catalog(self) -> CatalogBlock:
        """The environment's catalog. Raises SettingsError where it has none, as a lake in a folder has."""
        found = self.environment.catalog
        if found is None:
            raise SettingsError(
                f"{self.environment.path}: this environment has no catalog: its lake is {self.environment.lake.root}. "
                "Name one that has, with --env, or add `catalog: {prefix: …}` where the lake is on S3.")
        return found

    @cached_property
    def destination(self) -> Destination:
        """Where datasets go. Raises SettingsError where the environment names no place."""
        from lakehouse_platform.publish.folder import FolderDestination

        bound = self.environment.domo
        if bound is None:
            raise SettingsError(f"{self.environment.path}: datasets have no place to go. Add `publish: {{domo: …}}`.")
        if isinstance(bound, Folder):
            return FolderDestination(bound.path)
        return _domo(bound)

    @cached_property
    def warehouse(self) -> Warehouse:
        """Where tables are loaded into. Raises SettingsError where the environment names no warehouse."""
        from lakehouse_platform.warehouse.duckdb import DuckDbTables

        bound = self.environment.warehouse
        if bound is None:
            raise SettingsError(f"{self.environment.path}: there is no warehouse to load. Add `warehouse: {{kind: duckdb, path: …}}`.")
        if isinstance(bound, DuckDbWarehouse):
            return DuckDbTables(bound.path)
        from lakehouse_platform.warehouse.redshift import RedshiftWarehouse

        store = self.environment.lake.store
        return RedshiftWarehouse(bound, self.account, kms_key=store.kms_key if store is not None else None)

    @property
    def contracts_folder(self) -> Path:
        """Where the contracts lie."""
        return self.folder / "assets" / "contracts"

    @property
    def marts_folder(self) -> Path:
        """Where the dbt project lies."""
        return self.folder / "assets" / "marts"

    @property
    def state(self) -> Path:
        """Where what the project makes lies; each environment but the local one has a folder of its own in it."""
        return self.folder / STATE if self.environment_name == LOCAL else self.folder / STATE / self.environment_name

    @property
    def home(self) -> Path:
        """DAGSTER_HOME of the project."""
        return self.state / "dagster"

    @property
    def tables(self) -> tuple[Contract, ...]:
        """Contracts of tables that come from a source."""
        return tuple(c for c in self.contracts if c.source is not None)

    @property
    def marts(self) -> tuple[Contract, ...]:
        """Contracts of marts."""
        return tuple(c for c in self.contracts if c.model is not None)

    @property
    def landing(self) -> tuple[Contract, ...]:
        """Contracts of tables that come in files."""
        return tuple(c for c in self.contracts if isinstance(c.source, Landing))

    @cached_property
    def files(self) -> Files:
        """The lake's files, as they lie in its landing folders."""
        lake = self.environment.lake
        if lake.store is None:
            from lakehouse_platform.sources.landing.folder import FolderFiles

            return FolderFiles(Path(lake.root))
        from lakehouse_platform.sources.landing.objects import ObjectFiles

        return ObjectFiles(self.account.s3, lake.root, lake.store.kms_key)

    def inbox(self, domain: str) -> Inbox:
        """The landing folders of a domain."""
        from lakehouse_platform.sources.landing import Inbox

        return Inbox(self.files, domain)

    def uri(self, zone: str, contract: Contract) -> str:
        """Where a zone's table of the contract lies; loads no engine."""
        return f"{self.environment.lake.root}/{table_path(zone, contract.domain, contract.table)}"

    def contract(self, name: str) -> Contract:
        """The contract called `domain.table`, or `table` where only one domain has it. Raises UnknownName."""
        found = [c for c in self.contracts if name in (c.name, c.table)]
        exact = [c for c in found if c.name == name]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            raise UnknownName(f'"{name}" is a table of several domains. Say which: {", ".join(c.name for c in found)}.')
        words = {c.table: c.name for c in self.contracts} if "." not in name else {c.name: c.name for c in self.contracts}
        raise UnknownName(f'unknown table "{name}". {did_you_mean(name, words, noun="tables")}')

    def prepare_home(self) -> Path:
        """DAGSTER_HOME, made where there is none, with the project's own `dagster.yaml` in it."""
        self.home.mkdir(parents=True, exist_ok=True)
        wanted, held = self.folder / INSTANCE, self.home / INSTANCE
        if wanted.is_file() and (not held.is_file() or held.read_bytes() != wanted.read_bytes()):
            held.write_bytes(wanted.read_bytes())
        return self.home

    def source(self, connection: str) -> Source:
        """A source database; it is connected to when it is read. Raises UnknownName for an unknown connection."""
        from lakehouse_platform.sources.postgres import PostgresSource

        bound = self.environment.connection(connection)
        return PostgresSource(bound.uri.resolve, bound.time_zone)

    def source_of(self, contract: Contract) -> Source:
        """The source of a contract's table. Raises SourceError for a mart, and for files: each is a source of its own."""
        if not isinstance(contract.source, SourceTable):
            what = "comes in files" if contract.source is not None else "is a mart: it is built from other tables"
            raise SourceError(f"{contract.name} {what} and has no database to be read from")
        try:
            return self.source(contract.source.connection)
        except UnknownName as error:
            raise ContractError(f"{contract.path}: {error}") from error


def _domo(bound: Domo) -> Destination:
    from lakehouse_platform.publish.domo import DomoDestination, Pace

    return DomoDestination(domo_api(bound), domo_instance(bound), Pace(between_commits=dt.timedelta(minutes=bound.commit_minutes)))


def domo_api(bound: Domo, patience: Patience | None = None) -> DomoApi:
    """The public API of a Domo account, which is asked as patiently as publications need unless it is said."""
    from lakehouse_platform.domo.public import PUBLIC, DomoApi

    address = bound.api.resolve() if bound.api is not None else PUBLIC
    return DomoApi(bound.client_id.resolve(), bound.client_secret.resolve(), address, patience)


def domo_instance(bound: Domo, patience: Patience | None = None) -> Instance | None:
    """The interface of the account's own instance; None where the environment names none."""
    from lakehouse_platform.domo.instance import Instance

    return Instance(bound.instance.url.resolve(), bound.instance.token.resolve(), patience) if bound.instance is not None else None
