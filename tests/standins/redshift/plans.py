"""What is done with each statement: passed on, rewritten, or carried out by the stand-in itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.standins.redshift import refusals
from tests.standins.redshift.altering import alter_table
from tests.standins.redshift.backend import Backend, RefusedError, unsupported
from tests.standins.redshift.copying import Reports, copy
from tests.standins.redshift.expressions import expressions
from tests.standins.redshift.merging import merge
from tests.standins.redshift.shows import show
from tests.standins.redshift.tables import create_table
from tests.standins.redshift.tokens import Edits, Reader, Word, identifier, literal, words_of
from tests.standins.redshift.views import Late, create_view, resolved

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Action = Callable[[Backend], str]
"""Carries a statement out; gives the command's tag. Raises RefusedError."""

OF_REDSHIFT = frozenset({
    "query_group", "enable_result_cache_for_session", "wlm_query_slot_count", "enable_case_sensitive_identifier",
    "analyze_threshold_percent", "describe_field_name_in_uppercase", "downcase_delimited_identifier", "enable_numeric_rounding",
    "json_serialization_enable", "json_serialization_parse_nested_strings", "mv_enable_aqmv_for_session",
    "navigate_super_null_on_error", "error_on_nondeterministic_update",
})  # fmt: skip
"""Settings that PostgreSQL does not know."""
OBJECTS = ("TABLE", "VIEW", "SCHEMA", "ROLE", "GROUP", "USER", "DATABASE", "MATERIALIZED")


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement, and what becomes of it."""

    text: str
    """As the client says it."""
    verb: str
    """COPY, CREATE TABLE, SELECT."""
    sql: str
    """For PostgreSQL."""
    action: Action | None = None
    """Instead of passing it on."""


@dataclass(frozen=True, slots=True)
class World:
    """What statements are carried out with."""

    database: str
    passwords: MutableMapping[str, str]
    s3: S3Client
    reports: Reports


def verb_of(words: Sequence[Word]) -> str:
    """What a statement does."""
    if not words:
        return ""
    first = words[0].upper
    if first not in ("CREATE", "ALTER", "DROP"):
        return first
    return " ".join([first, *(word.upper for word in words[1:4] if word.upper in OBJECTS)][:2])


def plan(text: str, late: Late, world: World) -> Plan:
    """The plan of one statement. Raises RefusedError for what Redshift refuses."""
    words = words_of(text)
    if not words:
        return Plan(text, "", text)
    verb = verb_of(words)
    refusals.check(words)
    sql = expressions(text)
    try:
        own = OWN.get(verb, _passed)(sql, words_of(sql), late, world)
    except IndexError as error:
        raise RefusedError("42601", "syntax error at end of input") from error
    return Plan(text, verb, *own)


Own = tuple[str, Action | None]


def _passed(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    return resolved(sql, late) if late else sql, None


def _table(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    whole = resolved(sql, late) if late else sql
    return whole, create_table(whole, words_of(whole)).run


def _view(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    return sql, create_view(sql, words).run


def _alter(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    return sql, alter_table(sql, words).run


def _merge(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    return sql, merge(sql, words).run


def _copy(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    asked = copy(words)
    return sql, lambda backend: asked.run(backend, world.s3, world.reports)


def _truncate(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    def action(backend: Backend) -> str:
        backend.run(sql)
        if not backend.idle:
            backend.run("commit")  # As Redshift does.
        return "TRUNCATE TABLE"

    return sql, action


def _show(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    return show(words) or sql, None


def _set(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    edits = Edits(sql)
    for word in words[1:3]:
        if word.name in OF_REDSHIFT:
            edits.before(word, "standin.")
    return edits.result, None


def _reset(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    return (sql, lambda backend: "RESET") if words[-1] == "USE" else _set(sql, words, late, world)


def _use(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    if words[1].name != world.database:
        raise RefusedError("3D000", f'database "{words[1].name}" does not exist')
    return sql, lambda backend: "USE"


def _grant(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    edits = Edits(sql)
    for word, following in pairwise(words):
        if word == "ROLE" and following.is_name:
            edits.remove([word])
    return edits.result, None


def _role(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    return sql, _identity(words[2].name, words[1].name, "nologin")


def _user(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    reader = Reader(words, 2)
    name = reader.next().name
    reader.takes("WITH")
    if not reader.takes("PASSWORD"):
        raise RefusedError("42601", "password is required")
    secret = reader.next()
    if secret.literal:
        world.passwords[name] = secret.value
    return sql, _identity(name, "user", "login")


def _identity(name: str, kind: str, login: str) -> Action:
    def action(backend: Backend) -> str:
        with backend.atomic():
            backend.run(f"create role {identifier(name)} {login}")
            backend.run(f"select pg_catalog.standin_identity_is({literal(name)}, {literal(kind)})")
        return f"CREATE {kind.upper()}"

    return action


def _schema(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    edits = Edits(sql)
    for at, word in enumerate(words):
        if word == "QUOTA":
            edits.remove(words[at:])
            break
    return edits.result, None


def _vacuum(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    def action(backend: Backend) -> str:
        if not backend.idle:
            raise RefusedError("25001", "VACUUM cannot run inside a transaction block")
        return "VACUUM"

    return sql, action


def _analyze(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    reader = Reader(words, 1)
    reader.takes("VERBOSE")
    return (f"analyze {reader.name().sql}" if reader.here else "analyze"), None


def _unloaded(sql: str, words: Sequence[Word], late: Late, world: World) -> Own:
    raise unsupported("UNLOAD is not done here")


OWN: Mapping[str, Callable[[str, Sequence[Word], Late, World], Own]] = {
    "CREATE TABLE": _table,
    "CREATE VIEW": _view,
    "ALTER TABLE": _alter,
    "MERGE": _merge,
    "COPY": _copy,
    "TRUNCATE": _truncate,
    "SHOW": _show,
    "SET": _set,
    "RESET": _reset,
    "USE": _use,
    "GRANT": _grant,
    "REVOKE": _grant,
    "CREATE ROLE": _role,
    "CREATE GROUP": _role,
    "CREATE USER": _user,
    "CREATE SCHEMA": _schema,
    "VACUUM": _vacuum,
    "ANALYZE": _analyze,
    "UNLOAD": _unloaded,
}
