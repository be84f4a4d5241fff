"""SHOW TABLES, COLUMNS, SCHEMAS, GRANTS, DATABASES: queries of the system's views."""

from __future__ import annotations

from collections.abc import Sequence

from tests.standins.redshift.tokens import Name, Reader, Word, literal

TABLES = """
select database_name, schema_name, table_name, (case table_type when 'TABLE' then 'TABLE' else 'VIEW' end)::varchar as table_type,
    table_acl, remarks, table_owner as owner, null::timestamp as last_altered_time, null::timestamp as last_modified_time,
    null::varchar as dist_style,
    (case when table_type = 'TABLE' then 'REGULAR TABLE' when exists (
        select 1 from pg_catalog.standin_late l join pg_catalog.standin_table t on t.oid = l.relation
        where t.schema = schema_name and t.name = table_name) then 'LATE BINDING VIEW'
        when table_type = 'VIEW' then 'REGULAR VIEW' else table_type end)::varchar as table_subtype
from pg_catalog.svv_redshift_tables where schema_name = {schema} and table_name like {like} order by table_name"""
COLUMNS = """
select database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
    character_maximum_length, numeric_precision, numeric_scale, remarks, null::varchar as sort_key_type, sortkey as sort_key,
    distkey as dist_key, encoding, null::varchar as collation
from pg_catalog.svv_redshift_columns where schema_name = {schema} and table_name = {table} and column_name like {like}
order by ordinal_position"""
SCHEMAS = """
select database_name, schema_name, schema_owner, schema_type, schema_acl, null::varchar as source_database, schema_option
from pg_catalog.svv_redshift_schemas where schema_name like {like} order by schema_name"""
DATABASES = "select * from pg_catalog.svv_redshift_databases where database_name like {like}"
GRANTS = """
select current_database()::varchar as database_name, namespace_name as schema_name, relation_name as object_name,
    'TABLE'::varchar as object_type,
    privilege_type, identity_id, case identity_type when 'group' then '/' || identity_name else identity_name end as identity_name,
    case identity_type when 'group' then 'role' else identity_type end as identity_type, admin_option, 'TABLE'::varchar as privilege_scope,
    null::varchar as grantor_name
from pg_catalog.svv_relation_privileges where namespace_name = {schema} and relation_name = {table}"""


def show(words: Sequence[Word]) -> str | None:
    """The query that answers; None for a setting, which PostgreSQL shows itself."""
    reader = Reader(words, 1)
    if reader.takes("TABLES", "FROM", "SCHEMA"):
        return TABLES.format(schema=literal(reader.name().parts[-1]), like=_like(reader))
    if reader.takes("COLUMNS", "FROM", "TABLE"):
        return COLUMNS.format(**_named(reader.name()), like=_like(reader))
    if reader.takes("SCHEMAS", "FROM", "DATABASE"):
        reader.name()
        return SCHEMAS.format(like=_like(reader))
    if reader.takes("DATABASES"):
        return DATABASES.format(like=_like(reader))
    if reader.takes("GRANTS", "ON", "TABLE") or reader.takes("GRANTS", "ON"):
        return GRANTS.format(**_named(reader.name()))
    return None


def _named(name: Name) -> dict[str, str]:
    return {"schema": literal(name.parts[-2] if len(name.parts) > 1 else "public"), "table": literal(name.table)}


def _like(reader: Reader) -> str:
    return literal(reader.next().value if reader.takes("LIKE") else "%")
