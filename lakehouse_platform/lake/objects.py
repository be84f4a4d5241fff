"""A lake on S3 as DuckDB reads it: with the machine's own credentials, and listing no more than the end of a table's log."""

from __future__ import annotations

import json
import re
from functools import cached_property

import duckdb

from lakehouse_platform.aws.base import Account, asking, bucket_and_key
from lakehouse_platform.lake.access import ENTRY, LOG
from lakehouse_platform.lake.extension import load, load_delta, sql_text
from lakehouse_platform.settings import Aws, ObjectStore

SECRET = "lake"  # noqa: S105 - the name of a secret
RETRIES = 8
"""Times that DuckDB asks S3 again, after a tenth of a second at first."""


class ObjectAccess:
    """A lake on S3."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Load what reads Delta tables and objects.

        The extension copies what the process's environment says of credentials into settings that any query can read; they go.
        """
        load_delta(connection)
        load(connection, "httpfs")
        for setting in ("s3_access_key_id", "s3_secret_access_key", "s3_session_token"):
            connection.execute(f"set {setting} = ''")
        connection.execute(f"set http_retries = {RETRIES}")
        self.renew(connection)

    def renew(self, connection: duckdb.DuckDBPyConnection) -> None:
        """A secret of this connection's, never kept on disk. Raises TerminalError where the machine has no credentials."""
        held, address = self._account.credentials, self._store.address
        parts = {"region": self._store.region, "key_id": held.access_key, "secret": held.secret_key, "session_token": held.token}
        if address is not None:
            parts |= {"endpoint": re.sub(r"^https?://", "", address), "url_style": "path"}
        values = "".join(f", {name} '{sql_text(value)}'" for name, value in parts.items() if value)
        ssl = address is None or address.startswith("https://")
        connection.execute(f"create or replace secret {SECRET} (type s3, provider config{values}, use_ssl {str(ssl).lower()})")

    def newest(self, uri: str) -> int | None:
        """The newest entry of the table's log, which is listed from its last checkpoint on."""
        bucket, table = bucket_and_key(uri)
        checkpoint = self._checkpoint(bucket, f"{table}/{LOG}/_last_checkpoint")
        after = f"{table}/{LOG}/{checkpoint or 0:020}"
        with asking(f"the log of {uri}"):
            pages = self._account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{table}/{LOG}/", StartAfter=after)
            found = (ENTRY.search(entry["Key"]) for page in pages for entry in page.get("Contents", []))
            return max((int(entry[1]) for entry in found if entry), default=checkpoint)

    def _checkpoint(self, bucket: str, key: str) -> int | None:
        with asking(f"s3://{bucket}/{key}"):
            try:
                return int(json.loads(self._account.s3.get_object(Bucket=bucket, Key=key)["Body"].read())["version"])
            except self._account.s3.exceptions.NoSuchKey:
                return None

    @cached_property
    def _account(self) -> Account:
        return Account(Aws(self._store.region, self._store.endpoint))
