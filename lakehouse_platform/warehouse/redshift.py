"""Redshift as the warehouse: definitions and questions by connection, loads by the Data API."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from lakehouse_platform import faults
from lakehouse_platform.aws.base import Account, asking, bucket_and_key
from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.settings import Redshift
from lakehouse_platform.warehouse import ddl
from lakehouse_platform.warehouse.base import FileReader, Load, Loaded, Place, WarehouseTable
from lakehouse_platform.warehouse.data_api import DataApi, fits
from lakehouse_platform.warehouse.evolution import Step, plan_evolution
from lakehouse_platform.warehouse.grants import plan_grants
from lakehouse_platform.warehouse.held import held_distribution, held_readers, held_table, newest_entry
from lakehouse_platform.warehouse.manifest import Manifest, plan_manifests
from lakehouse_platform.warehouse.session import Session
from lakehouse_platform.warehouse.transfer import Batches, Statement, plan_statements


class RedshiftWarehouse:
    """A Redshift database, and S3 for its manifests."""

    kind = "redshift"

    def __init__(self, settings: Redshift, account: Account, *, kms_key: str | None = None, batches: Batches | None = None) -> None:
        """`kms_key` encrypts manifests, as it does the lake; `batches` runs loads, the Data API where nothing is given."""
        self._settings, self._account, self._kms_key = settings, account, kms_key
        self._session = Session(settings)
        self._batches: Batches = batches or DataApi(account, settings)

    def distribution(self, place: Place) -> Distribution | None:
        """How the table's rows are spread now; None where there is no table."""
        with self._session.asking() as ask:
            return held_distribution(ask, place)

    def prepare(self, table: WarehouseTable) -> tuple[str, ...]:
        """Make the table, or change it to what it should be; what was done."""
        place = table.place
        with self._session.asking() as ask:
            known, held = newest_entry(ask, place) is not None, held_table(ask, place)
        if not known:
            self._transact(f"making room for {place}", [*ddl.create_ledger(), ddl.create_schema(place.schema)])
        steps = plan_evolution(held, table)
        for step in steps:
            self._take(step, place)
        if held is not None and not known:
            self._transact(f"opening the ledger of {place}", ddl.open_ledger(place))
        return tuple(step.said for step in steps)

    def _take(self, step: Step, place: Place) -> None:
        what = f"changing {place}"
        if not step.alone:
            self._transact(what, step.statements)
            return
        for sql in step.statements:
            self._session.alone(what, sql)

    def _transact(self, what: str, statements: Sequence[str]) -> None:
        faults.reach("warehouse.define.before")
        self._session.run(what, [Statement(sql) for sql in statements])
        faults.reach("warehouse.define.after")

    def loaded(self, place: Place) -> Loaded | None:
        """The newest load of a table, None where it was never prepared."""
        with self._session.asking() as ask:
            return newest_entry(ask, place)

    def load(self, load: Load, reader: FileReader) -> None:  # noqa: ARG002 (COPY reads the files itself)
        """Write the manifests, and run the load as one batch, which is one transaction."""
        added, removed = plan_manifests(self._settings.manifests, load)
        for manifest in (*added, *removed):
            self._write(manifest)
        statements = plan_statements(load, added, removed, self._settings.copy_role)
        what = f"loading {load.table.place} at version {load.snapshot.version}"
        faults.reach("warehouse.load.before")
        # Files of very many different ages take more statements than a batch of the Data API may have.
        batches = self._batches if fits(statements) else self._session
        batches.run(what, statements)
        faults.reach("warehouse.load.after")

    def grant(self, table: WarehouseTable) -> tuple[str, ...]:
        """Have exactly the readers read the table."""
        with self._session.asking() as ask:
            statements = plan_grants(table.place, held_readers(ask, table.place), table.readers)
        if statements:
            self._transact(f"granting {table.place}", statements)
        return statements

    def count(self, place: Place) -> int:
        """Number of rows."""
        return int(str(self._session.query(f"SELECT COUNT(*) FROM {ddl.at(place)}")[0][0]))

    def sums(self, place: Place, columns: Sequence[str]) -> dict[str, Decimal]:
        """Exact sums of whole-number and decimal columns."""
        if not columns:
            return {}
        # Whole numbers are added up as numbers of 38 digits; SUM of decimals is one by itself.
        wanted = ", ".join(f"COALESCE(SUM({ddl.quoted(c)}), 0)" for c in columns)
        row = self._session.query(f"SELECT {wanted} FROM {ddl.at(place)}")[0]
        return {name: Decimal(str(value)) for name, value in zip(columns, row, strict=True)}

    def rows(self, place: Place, columns: Sequence[str]) -> list[tuple[object, ...]]:
        """Rows with the given columns, in no order."""
        return self._session.query(f"SELECT {ddl.names(columns)} FROM {ddl.at(place)}")

    def _write(self, manifest: Manifest) -> None:
        bucket, key = bucket_and_key(manifest.url)
        with asking(f"writing the manifest {manifest.url}"):
            if self._kms_key is None:
                self._account.s3.put_object(Bucket=bucket, Key=key, Body=manifest.text.encode(), ContentType="application/json")
                return
            self._account.s3.put_object(
                Bucket=bucket, Key=key, Body=manifest.text.encode(), ContentType="application/json",
                ServerSideEncryption="aws:kms", SSEKMSKeyId=self._kms_key)
