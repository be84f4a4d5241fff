"""COPY from S3, in the client's transaction, with the strictness of Redshift's Parquet scan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pyarrow as pa
from botocore.exceptions import ClientError

from tests.standins.redshift.backend import Backend, RefusedError, syntax, unsupported
from tests.standins.redshift.parquet import UNREADABLE, Target, as_copied, as_stored, longest, opened
from tests.standins.redshift.tokens import Name, Reader, Word, identifier, literal, split

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REFUSED_FOR_PARQUET = frozenset({
    "REGION", "MAXERROR", "ACCEPTANYDATE", "DATEFORMAT", "TIMEFORMAT", "DELIMITER", "IGNOREHEADER", "GZIP", "BZIP2", "LZOP", "ZSTD",
    "NULL", "ESCAPE", "REMOVEQUOTES", "TRIMBLANKS", "TRUNCATECOLUMNS", "BLANKSASNULL", "EMPTYASNULL", "ENCODING", "ENCRYPTED",
    "EXPLICIT_IDS", "FIXEDWIDTH", "IGNOREALLERRORS", "IGNOREBLANKLINES", "NOLOAD", "ROUNDEC", "COMPROWS", "READRATIO", "SSH",
})  # fmt: skip
SPECTRUM_ERROR = 15007


class Reports(Protocol):
    """Where a failed load is written down, whatever becomes of the transaction."""

    def load_error(self, table: str, file: str, column: Target | None, code: int, message: str) -> None:
        """Keep one."""


@dataclass(frozen=True, slots=True)
class File:
    """An entry of the manifest."""

    url: str
    mandatory: bool
    length: int | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY."""

    table: Name
    columns: tuple[str, ...]
    source: str
    manifest: bool
    serialize: bool
    fill: bool

    def run(self, backend: Backend, s3: S3Client, reports: Reports) -> str:
        """Load it all; the command's tag."""
        targets = self._targets(backend)
        rows = 0
        with backend.atomic():
            for file in self._files(s3):
                rows += self._load(file, targets, backend, s3, reports)
            backend.run(
                f"insert into pg_catalog.standin_load (table_id, file_name, rows) values ({literal(self.table.sql)}::regclass, "
                f"{literal(self.source)}, {rows}); select set_config('standin.last_copy_count', '{rows}', false), "
                "set_config('standin.last_copy_id', (select max(query_id) from pg_catalog.standin_load)::text, false)"
            )
        backend.said.append(f"Load into table '{self.table.table}' completed, {rows} record(s) loaded successfully.")
        return "COPY"

    def _targets(self, backend: Backend) -> list[Target]:
        found = backend.run(
            f"select attname, pg_catalog.standin_type(atttypid, atttypmod) from pg_attribute where attrelid = {literal(self.table.sql)}"
            "::regclass and attnum > 0 and not attisdropped and attidentity = '' order by attnum"
        )
        known = {str(name): Target(str(name), str(kind)) for name, kind in found}
        for name in self.columns:
            if name not in known:
                raise RefusedError("42703", f'column "{name}" of relation "{self.table.table}" does not exist')
        return [known[name] for name in self.columns or known]

    def _files(self, s3: S3Client) -> list[File]:
        if not self.manifest:
            return [File(self.source, mandatory=True, length=None)]
        try:
            entries = json.loads(fetched(s3, self.source))["entries"]
            return [self._file(entry) for entry in entries]
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError("XX000", "Problem reading manifest file - Manifest is not in correct json format", str(error)) from error
        except ClientError as error:
            raise _not_there(self.source, error) from error

    def _file(self, entry: dict[str, Any]) -> File:
        length = entry.get("meta", {}).get("content_length")
        if length is None:
            raise RefusedError("XX000", f"Manifest entry {entry['url']} must specify meta.content_length for columnar files")
        return File(entry["url"], bool(entry.get("mandatory", False)), int(length))

    def _load(self, file: File, targets: list[Target], backend: Backend, s3: S3Client, reports: Reports) -> int:
        try:
            content = fetched(s3, file.url)
        except ClientError as error:
            if not file.mandatory:
                return 0
            raise _not_there(file.url, error) from error
        scan = Scan(self, file, targets, reports)
        if file.length not in (None, len(content)):
            raise scan.refused(None, f"File size {len(content)} differs from the manifest's content_length {file.length}: {file.url}")
        table = scan.table(content)
        names = ", ".join(identifier(target.name) for target in targets)
        # Empty and absent strings differ: the first is written in quotes.
        backend.run(f"copy {self.table.sql} ({names}) from stdin (format csv)", as_copied(table, targets))
        return int(table.num_rows)


@dataclass(frozen=True, slots=True)
class Scan:
    """The reading of one file."""

    copy: Copy
    file: File
    targets: list[Target]
    reports: Reports

    def table(self, content: bytes) -> pa.Table:
        """Its rows, once they are known to fit."""
        try:
            found = opened(content)
        except pa.ArrowException as error:
            raise self.refused(None, f"File '{self.file.url}' has an invalid version number or is no Parquet file: {error}") from error
        fields = [field.with_type(as_stored(field.type)) for field in found.schema_arrow]
        fewer = self.copy.fill and len(fields) < len(self.targets)
        if len(fields) != len(self.targets) and not fewer:
            raise self.refused(None, f"Unmatched number of columns between table and file. Table columns: {len(self.targets)}, "
                               f"Data columns: {len(fields)}, File name: {self.file.url}")  # fmt: skip
        for target, field in zip(self.targets, fields, strict=False):
            self._check_type(target, field)
        table = found.read().cast(pa.schema(fields))
        for target, column in zip(self.targets, table.columns, strict=False):
            self._check_length(target, column)
        return table

    def _check_type(self, target: Target, field: pa.Field[Any]) -> None:
        if target.type in UNREADABLE and not (target.type == "super" and self.copy.serialize):
            raise self.refused(target, f"Unreachable - Invalid type: {UNREADABLE[target.type]}", "Assert", 1000)
        if not target.takes(field.type):
            raise self.refused(target, f"File '{self.file.url}' has an incompatible Parquet schema for column "
                               f"'{self.file.url}.{field.name}'. Column type: {target.type.upper()}, Parquet schema:\n"
                               f"{'optional' if field.nullable else 'required'} {field.type} {field.name}")  # fmt: skip

    def _check_length(self, target: Target, column: pa.ChunkedArray[Any]) -> None:
        most = target.numbers
        if target.base.startswith("character") and most and longest(column) > most[0]:
            raise self.refused(target, f"The length of the data column {target.name} is longer than the length defined in the table. "
                               f"Table: {most[0]}, Data: {longest(column)}, File name: {self.file.url}")  # fmt: skip

    def refused(self, column: Target | None, message: str, error: str = "Spectrum Scan Error", code: int = SPECTRUM_ERROR) -> RefusedError:
        """The error, written down."""
        self.reports.load_error(self.copy.table.sql, self.file.url, column, code, message)
        line = "-" * 47
        return RefusedError("XX000", error, f"\n  {line}\n  error:  {error}\n  code:      {code}\n  context:   {message}\n  {line}\n")


def fetched(s3: S3Client, address: str) -> bytes:
    """An object's bytes. Raises ClientError."""
    place = urlsplit(address)
    body: bytes = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
    return body


def _not_there(address: str, error: ClientError) -> RefusedError:
    told = error.response["Error"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    detail = f"S3ServiceException:{told.get('Message', '')},Status {status},Error {told['Code']}"
    return RefusedError("XX000", f"{detail}: {address}", detail)


def copy(words: Sequence[Word]) -> Copy:
    """Read a COPY."""
    reader = Reader(words)
    reader.takes("COPY")
    table = reader.name()
    columns = tuple(part[0].name for part in split(reader.bracket())) if reader.sees("(") else ()
    if not reader.takes("FROM"):
        raise syntax(reader.next().text)
    source = reader.next()
    if not source.literal:
        raise unsupported("COPY FROM STDIN is not supported")
    said = dict(_options(reader))
    if said.get("FORMAT") != "PARQUET":
        raise unsupported("only Parquet is copied here")
    if "IAM_ROLE" not in said and "CREDENTIALS" not in said:
        raise RefusedError("XX000", "Must specify either IAM_ROLE or CREDENTIALS")
    refused = sorted(REFUSED_FOR_PARQUET & said.keys())
    if refused:
        raise unsupported(f"{refused[0]} argument is not supported for PARQUET based COPY")
    return Copy(table, columns, source.value, "MANIFEST" in said, "SERIALIZETOJSON" in said, "FILLRECORD" in said)


def _options(reader: Reader) -> Iterator[tuple[str, str]]:
    while reader.here:
        word = reader.next()
        if word.upper == "FORMAT":
            reader.takes("AS")
            yield "FORMAT", reader.next().upper
        elif word.upper == "PARQUET":
            yield "FORMAT", "PARQUET"
        elif word.upper in ("IAM_ROLE", "CREDENTIALS", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
            reader.takes("AS")
            yield word.upper, reader.next().value
        elif word.upper in ("STATUPDATE", "COMPUPDATE", "REGION", "MAXERROR"):
            reader.takes("AS")
            yield word.upper, reader.next().text
        else:
            yield word.upper, ""
