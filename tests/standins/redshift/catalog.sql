-- What Redshift has and PostgreSQL has not: installed in pg_catalog, so that no schema of a user shows it.
set allow_system_table_mods = on;

create domain pg_catalog.super as jsonb;
create domain pg_catalog.varbyte as bytea;

-- Layout, by object and column number: it follows renames, and a rollback takes it back.
create table pg_catalog.standin_layout (
    relation oid primary key, diststyle text not null, distkey int2, sort text not null, sortkeys int2[] not null,
    backup boolean not null, primary_key int2[] not null);
create table pg_catalog.standin_encoding (relation oid, attribute int2, encoding text not null, primary key (relation, attribute));
create table pg_catalog.standin_late (relation oid primary key, definition text not null);
create table pg_catalog.standin_identity (name name primary key, kind text not null);
create table pg_catalog.standin_load_error (
    user_id int, query_id bigint, transaction_id bigint, session_id int, database_name text, table_id int,
    start_time timestamp, file_name text, line_number bigint, column_name text, column_type text, column_length text,
    position int, error_code int, error_message text);
create table pg_catalog.standin_load (
    query_id bigint generated always as identity, table_id oid, file_name text, rows bigint, at timestamp default (now() at time zone 'utc'));

create function pg_catalog.standin_alive() returns setof oid language sql stable security definer as
    $$ select oid from pg_class $$;

create function pg_catalog.standin_columns(relation oid, names text[]) returns int2[] language plpgsql stable as $$
declare found int2[] := '{}'; number int2; wanted text;
begin
    foreach wanted in array names loop
        select attnum into number from pg_attribute where attrelid = relation and attname = wanted and not attisdropped;
        if number is null then
            raise exception 'column "%" named in the distribution or sort key does not exist', wanted using errcode = '42703';
        end if;
        found := found || number;
    end loop;
    return found;
end $$;

create function pg_catalog.standin_lay(
    relation oid, diststyle text, distkey text, sort text, sortkeys text[], backup boolean, primary_key text[], encodings jsonb
) returns void language plpgsql security definer as $$
begin
    insert into pg_catalog.standin_layout values (
        relation, diststyle, (pg_catalog.standin_columns(relation, case when distkey is null then '{}' else array[distkey] end))[1],
        sort, pg_catalog.standin_columns(relation, sortkeys), backup, pg_catalog.standin_columns(relation, primary_key))
    on conflict on constraint standin_layout_pkey do update set
        diststyle = excluded.diststyle, distkey = excluded.distkey, sort = excluded.sort, sortkeys = excluded.sortkeys,
        primary_key = excluded.primary_key;
    insert into pg_catalog.standin_encoding
        select relation, (pg_catalog.standin_columns(relation, array[key]))[1], value from jsonb_each_text(encodings)
        on conflict on constraint standin_encoding_pkey do update set encoding = excluded.encoding;
end $$;

create function pg_catalog.standin_lay_like(oid, oid) returns void language sql security definer as $$
    insert into pg_catalog.standin_layout
        select $1, l.diststyle, n.attnum, l.sort,
            coalesce((select array_agg(mine.attnum order by k.ord) from unnest(l.sortkeys) with ordinality k(num, ord)
                join pg_attribute theirs on theirs.attrelid = $2 and theirs.attnum = k.num
                join pg_attribute mine on mine.attrelid = $1 and mine.attname = theirs.attname), '{}'),
            l.backup, '{}'
        from pg_catalog.standin_layout l
        left join pg_attribute o on o.attrelid = $2 and o.attnum = l.distkey
        left join pg_attribute n on n.attrelid = $1 and n.attname = o.attname
        where l.relation = $2;
    insert into pg_catalog.standin_encoding
        select $1, mine.attnum, e.encoding from pg_catalog.standin_encoding e
        join pg_attribute theirs on theirs.attrelid = $2 and theirs.attnum = e.attribute
        join pg_attribute mine on mine.attrelid = $1 and mine.attname = theirs.attname
        where e.relation = $2;
$$;

create function pg_catalog.standin_late_is(relation oid, definition text) returns void language sql security definer as $$
    insert into pg_catalog.standin_late values (relation, definition)
        on conflict on constraint standin_late_pkey do update set definition = excluded.definition $$;
create function pg_catalog.standin_bound_is(relation oid) returns void language sql security definer as $$
    delete from pg_catalog.standin_late l where l.relation = standin_bound_is.relation $$;
create function pg_catalog.standin_identity_is(name name, kind text) returns void language sql security definer as $$
    insert into pg_catalog.standin_identity values (name, kind)
        on conflict on constraint standin_identity_pkey do update set kind = excluded.kind $$;
create function pg_catalog.standin_late_bound() returns void language plpgsql as $$
begin
    raise exception 'a late-binding view is read by its name with the schema here' using errcode = '0A000';
end $$;

-- VARCHAR(n) and CHAR(n) count bytes; a text column does not exist.
create function pg_catalog.standin_settle(wanted oid) returns void language plpgsql security definer as $$
declare found record; checked text;
begin
    for found in
        select c.oid::regclass as relation, a.attname, a.attnum, a.atttypid, a.atttypmod - 4 as bytes
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.oid = wanted and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            and a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
        order by a.attnum
    loop
        if found.atttypid = 'text'::regtype or found.bytes < 0 then
            execute format('alter table %s alter column %I type varchar(65535)', found.relation, found.attname);
            found.bytes := 65535;
        end if;
        checked := format('standin_bytes_%s_%s', found.attnum, found.bytes);
        continue when exists (select 1 from pg_constraint where conrelid = wanted and conname = checked);
        execute (select coalesce(string_agg(format('alter table %s drop constraint %I', found.relation, conname), ';'), 'select 1')
            from pg_constraint where conrelid = wanted and conname like format('standin\_bytes\_%s\_%%', found.attnum));
        execute format('alter table %s add constraint %I check (octet_length(%I) <= %s)',
            found.relation, checked, found.attname, found.bytes);
    end loop;
end $$;

create function pg_catalog.standin_settling() returns event_trigger language plpgsql security definer as $$
declare made record;
begin
    if current_setting('standin.settling', true) = 'on' then return; end if;
    perform set_config('standin.settling', 'on', true);
    for made in select distinct objid from pg_event_trigger_ddl_commands()
        where classid = 'pg_class'::regclass and schema_name is distinct from 'pg_catalog'
    loop
        perform pg_catalog.standin_settle(made.objid);
    end loop;
    perform set_config('standin.settling', 'off', true);
end $$;
create event trigger standin_settling on ddl_command_end
    when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE') execute function pg_catalog.standin_settling();

create function pg_catalog.standin_sort_column(relation oid, wanted name) returns text language sql stable as $$
    select case when a.attnum = l.distkey then 'distkey' when a.attnum = any (l.sortkeys) then 'sortkey' end
    from pg_catalog.standin_layout l join pg_attribute a on a.attrelid = l.relation
    where l.relation = standin_sort_column.relation and a.attname = wanted and not a.attisdropped $$;

-- Functions.
create function pg_catalog.version_redshift() returns text language sql immutable as $$
    select 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.130000' $$;
create function pg_catalog.getdate() returns timestamp language sql stable as
    $$ select date_trunc('second', statement_timestamp() at time zone 'utc') $$;
create function pg_catalog.sysdate() returns timestamp language sql stable as $$ select transaction_timestamp() at time zone 'utc' $$;
create function pg_catalog.convert_timezone(text, text, timestamp) returns timestamp language sql immutable as
    $$ select ($3 at time zone $1) at time zone $2 $$;
create function pg_catalog.convert_timezone(text, timestamp) returns timestamp language sql immutable as
    $$ select ($2 at time zone 'utc') at time zone $1 $$;
create function pg_catalog.dateadd(text, bigint, timestamp) returns timestamp language sql immutable as $$
    select $3 + case lower($1)
        when 'year' then make_interval(years => $2::int) when 'years' then make_interval(years => $2::int)
        when 'quarter' then make_interval(months => 3 * $2::int) when 'qtr' then make_interval(months => 3 * $2::int)
        when 'month' then make_interval(months => $2::int) when 'months' then make_interval(months => $2::int)
        when 'mon' then make_interval(months => $2::int)
        when 'week' then make_interval(weeks => $2::int) when 'weeks' then make_interval(weeks => $2::int)
        when 'millisecond' then $2 * interval '1 millisecond' when 'microsecond' then $2 * interval '1 microsecond'
        else $2 * ('1 ' || $1)::interval end $$;
create function pg_catalog.datediff(text, timestamp, timestamp) returns bigint language sql immutable as $$
    select case lower(rtrim($1, 's'))
        when 'year' then extract(year from $3) - extract(year from $2)
        when 'quarter' then (extract(year from $3) - extract(year from $2)) * 4 + extract(quarter from $3) - extract(quarter from $2)
        when 'qtr' then (extract(year from $3) - extract(year from $2)) * 4 + extract(quarter from $3) - extract(quarter from $2)
        when 'month' then (extract(year from $3) - extract(year from $2)) * 12 + extract(month from $3) - extract(month from $2)
        when 'mon' then (extract(year from $3) - extract(year from $2)) * 12 + extract(month from $3) - extract(month from $2)
        when 'week' then (date_trunc('week', $3 + interval '1 day')::date - date_trunc('week', $2 + interval '1 day')::date) / 7
        when 'day' then $3::date - $2::date
        when 'microsecond' then extract(epoch from $3 - $2) * 1000000
        else extract(epoch from date_trunc($1, $3) - date_trunc($1, $2))
            / extract(epoch from ('1 ' || $1)::interval) end::bigint $$;
create function pg_catalog.date_trunc(text, date) returns timestamp language sql immutable as $$ select date_trunc($1, $2::timestamp) $$;
create function pg_catalog.last_day(timestamp) returns date language sql immutable as
    $$ select (date_trunc('month', $1) + interval '1 month - 1 day')::date $$;
create function pg_catalog.add_months(timestamp, bigint) returns timestamp language sql immutable as $$
    select case when $1::date = last_day($1) then last_day($1 + make_interval(months => $2::int)) + $1::time
        else $1 + make_interval(months => $2::int) end $$;
create function pg_catalog.trunc(timestamp) returns date language sql immutable as $$ select $1::date $$;
create function pg_catalog.len(text) returns int language sql immutable as $$ select length(rtrim($1)) $$;
create function pg_catalog.charindex(text, text) returns int language sql immutable as $$ select strpos($2, $1) $$;
create function pg_catalog.json_parse(text) returns super language sql immutable as $$ select $1::jsonb::super $$;
create function pg_catalog.json_serialized(super) returns text language sql immutable as $$ select $1::text $$;
create function pg_catalog.json_extract_path_text(text, variadic text[]) returns text language sql immutable as $$ select $1::jsonb #>> $2 $$;
create function pg_catalog.strtol(text, int) returns bigint language sql immutable as
    $$ select case $2 when 16 then ('x' || lpad($1, 16, '0'))::bit(64)::bigint else $1::bigint end $$;
create function pg_catalog.sha2(text, int) returns text language sql immutable as $$
    select encode(case $2 when 224 then sha224(convert_to($1, 'utf8')) when 384 then sha384(convert_to($1, 'utf8'))
        when 512 then sha512(convert_to($1, 'utf8')) else sha256(convert_to($1, 'utf8')) end, 'hex') $$;
create function pg_catalog.to_varbyte(text, text) returns varbyte language sql immutable as
    $$ select (case when lower($2) in ('utf8', 'utf-8') then convert_to($1, 'utf8') else decode($1, $2) end)::varbyte $$;
create function pg_catalog.from_varbyte(varbyte, text) returns text language sql immutable as
    $$ select case when lower($2) in ('utf8', 'utf-8') then convert_from($1, 'utf8') else encode($1, $2) end $$;
create function pg_catalog.pg_last_copy_count() returns bigint language sql as
    $$ select coalesce(nullif(current_setting('standin.last_copy_count', true), ''), '0')::bigint $$;
create function pg_catalog.pg_last_copy_id() returns bigint language sql as
    $$ select coalesce(nullif(current_setting('standin.last_copy_id', true), ''), '-1')::bigint $$;
create function pg_catalog.current_user_id() returns int language sql stable as
    $$ select usesysid::int from pg_user where usename = current_user $$;

-- Views of the system.
create function pg_catalog.standin_type(oid, int) returns text language sql stable as $$
    select case format_type($1, $2) when 'jsonb' then 'super' when 'bytea' then 'binary varying(64000)'
        when 'varbyte' then 'binary varying(64000)' else format_type($1, $2) end $$;
create function pg_catalog.standin_count(oid) returns bigint language plpgsql stable as $$
declare counted bigint;
begin
    execute format('select count(*) from %s', $1::regclass) into counted;
    return counted;
end $$;
create view pg_catalog.standin_table as
    select c.oid, n.nspname as schema, c.relname as name, c.relkind,
        coalesce(l.diststyle, 'AUTO') as diststyle, l.distkey, coalesce(l.sort, 'AUTO') as sort, coalesce(l.sortkeys, '{}') as sortkeys,
        exists (select 1 from pg_catalog.standin_encoding e where e.relation = c.oid) as encoded
    from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_catalog.standin_layout l on l.relation = c.oid
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'v', 'm');
create view pg_catalog.pg_table_def as
    select t.schema as schemaname, t.name as tablename, a.attname as "column", pg_catalog.standin_type(a.atttypid, a.atttypmod) as type,
        coalesce(nullif(e.encoding, 'raw'), case when e.encoding = 'raw' or a.attnum = any (t.sortkeys[1:1]) then 'none'
            when a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) then 'lzo'
            when a.atttypid in ('bool'::regtype, 'float4'::regtype, 'float8'::regtype, 'super'::regtype) then 'none' else 'az64' end)
            as encoding,
        coalesce(a.attnum = t.distkey, false) as distkey,
        coalesce(array_position(t.sortkeys, a.attnum), 0)
            * case when t.sort = 'INTERLEAVED' and array_position(t.sortkeys, a.attnum) % 2 = 0 then -1 else 1 end as sortkey,
        a.attnotnull as notnull
    from pg_catalog.standin_table t join pg_attribute a on a.attrelid = t.oid
    left join pg_catalog.standin_encoding e on e.relation = t.oid and e.attribute = a.attnum
    where t.relkind = 'r' and a.attnum > 0 and not a.attisdropped and t.schema = any (current_schemas(false));
create view pg_catalog.svv_table_info as
    select current_database()::text as database, t.schema::text as schema, t.oid::int as table_id, t.name::text as "table",
        case when t.encoded then 'Y' else 'Y, AUTO(ENCODE)' end as encoded,
        case t.diststyle when 'KEY' then 'KEY(' || d.attname || ')' when 'AUTO' then 'AUTO(ALL)' else t.diststyle end as diststyle,
        case when t.sort = 'AUTO' then 'AUTO(SORTKEY)' when t.sort = 'INTERLEAVED' then 'INTERLEAVED' else s.attname::text end as sortkey1,
        (select coalesce(max(atttypmod - 4), 0)::int from pg_attribute where attrelid = t.oid and atttypid = 'varchar'::regtype) as max_varchar,
        case when s.attname is null then null else 'none' end as sortkey1_enc, cardinality(t.sortkeys) as sortkey_num,
        greatest(pg_relation_size(t.oid) / 1048576, 1)::bigint as size, 0.0::numeric(10,4) as pct_used, 0::bigint as empty,
        null::numeric(5,2) as unsorted, 0.0::numeric(5,2) as stats_off, r.rows::numeric(38,0) as tbl_rows,
        null::numeric(19,2) as skew_sortkey1, null::numeric(19,2) as skew_rows, r.rows::numeric(38,0) as estimated_visible_rows,
        null::text as risk_event, null::numeric(12,2) as vacuum_sort_benefit, null::timestamp as create_time
    from pg_catalog.standin_table t cross join lateral (select pg_catalog.standin_count(t.oid) as rows) r
    left join pg_attribute d on d.attrelid = t.oid and d.attnum = t.distkey
    left join pg_attribute s on s.attrelid = t.oid and s.attnum = t.sortkeys[1]
    where t.relkind = 'r' and r.rows > 0;
create view pg_catalog.pg_class_info as
    select c.oid as reloid, c.relname, c.relnamespace, c.relowner, c.relkind, null::timestamp as relcreationtime, d.style as reldiststyle,
        case d.style when 9 then 10 else d.style end as releffectivediststyle
    from pg_class c left join pg_catalog.standin_table t on t.oid = c.oid and t.relkind = 'r'
    cross join lateral (select case t.diststyle when 'KEY' then 1 when 'ALL' then 8 when 'AUTO' then 9 else 0 end as style) d;

-- Columns of late-binding views, which the proxy fills before a statement that asks for them.
create function pg_catalog.standin_describe(view_oid oid, resolved text) returns void language plpgsql as $$
begin
    create temp table if not exists standin_late_columns (relation oid, name name, type text, number int);
    delete from pg_temp.standin_late_columns where relation = view_oid;
    begin
        execute 'create temp view standin_described as ' || resolved;
        insert into pg_temp.standin_late_columns select view_oid, attname, pg_catalog.standin_type(atttypid, atttypmod), attnum
            from pg_attribute where attrelid = 'pg_temp.standin_described'::regclass and attnum > 0;
        drop view pg_temp.standin_described;
    exception when others then null;  -- Its tables are not there: no columns.
    end;
end $$;
create function pg_catalog.standin_late_cols(out view_schema name, out view_name name, out col_name name, out col_type varchar, out col_num int)
returns setof record language plpgsql stable as $$
begin
    if to_regclass('pg_temp.standin_late_columns') is null then return; end if;
    return query execute 'select n.nspname, c.relname, l.name, l.type::varchar, l.number from pg_temp.standin_late_columns l
        join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace order by 1, 2, 5';
end $$;
create function pg_catalog.pg_get_late_binding_view_cols() returns setof record language sql stable as
    $$ select * from pg_catalog.standin_late_cols() $$;

create view pg_catalog.svv_redshift_columns as
    select current_database()::varchar(128) as database_name, t.schema::varchar(128) as schema_name, t.name::varchar(128) as table_name,
        a.attname::varchar(128) as column_name, a.attnum::int as ordinal_position,
        regexp_replace(pg_catalog.standin_type(a.atttypid, a.atttypmod), '\(.*\)', '')::varchar(128) as data_type,
        pg_get_expr(d.adbin, d.adrelid)::varchar(4000) as column_default,
        case when a.attnotnull then 'NO' else 'YES' end::varchar(3) as is_nullable, e.encoding::varchar(128) as encoding,
        coalesce(a.attnum = t.distkey, false) as distkey, coalesce(array_position(t.sortkeys, a.attnum), 0)::int as sortkey,
        null::varchar(128) as column_acl, col_description(t.oid, a.attnum)::varchar(256) as remarks,
        information_schema._pg_char_max_length(a.atttypid, a.atttypmod)::int as character_maximum_length,
        information_schema._pg_numeric_precision(a.atttypid, a.atttypmod)::int as numeric_precision,
        information_schema._pg_numeric_scale(a.atttypid, a.atttypmod)::int as numeric_scale
    from pg_catalog.standin_table t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
    left join pg_catalog.standin_encoding e on e.relation = t.oid and e.attribute = a.attnum
    union all
    select current_database(), view_schema, view_name, col_name, col_num, regexp_replace(col_type, '\(.*\)', ''), null, 'YES', null, false, 0,
        null, null, case when col_type like 'character%' then substring(col_type from '\((\d+)')::int end,
        case when col_type like 'numeric%' then substring(col_type from '\((\d+)')::int end,
        case when col_type like 'numeric%' then substring(col_type from ',(\d+)')::int end
    from pg_catalog.standin_late_cols();
create view pg_catalog.svv_all_columns as select * from pg_catalog.svv_redshift_columns;
create view pg_catalog.svv_columns as
    select database_name as table_catalog, schema_name as table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
        data_type, character_maximum_length, numeric_precision, numeric_scale, remarks from pg_catalog.svv_redshift_columns;
create view pg_catalog.svv_redshift_tables as
    select current_database()::varchar(128) as database_name, t.schema::varchar(128) as schema_name, t.name::varchar(128) as table_name,
        (case t.relkind when 'r' then 'TABLE' when 'v' then 'VIEW' else 'MATERIALIZED VIEW' end)::varchar(128) as table_type,
        null::varchar(128) as table_acl, obj_description(t.oid, 'pg_class')::varchar(128) as remarks,
        pg_get_userbyid(c.relowner)::varchar(128) as table_owner
    from pg_catalog.standin_table t join pg_class c on c.oid = t.oid;
create view pg_catalog.svv_all_tables as select * from pg_catalog.svv_redshift_tables;
create view pg_catalog.svv_tables as
    select database_name as table_catalog, schema_name as table_schema, table_name,
        case table_type when 'TABLE' then 'BASE TABLE' else table_type end as table_type, remarks from pg_catalog.svv_redshift_tables;
create view pg_catalog.svv_redshift_schemas as
    select current_database()::varchar(128) as database_name, nspname::varchar(128) as schema_name, nspowner::int as schema_owner,
        'local'::varchar(128) as schema_type, null::varchar(128) as schema_acl, null::varchar(128) as schema_option
    from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema';
create view pg_catalog.svv_all_schemas as select * from pg_catalog.svv_redshift_schemas;
create view pg_catalog.svv_redshift_databases as
    select datname::varchar(128) as database_name, datdba::int as database_owner, 'local'::varchar(32) as database_type,
        null::varchar(128) as database_acl, null::varchar(128) as database_options, 'Snapshot Isolation'::varchar(128) as database_isolation_level
    from pg_database where datname = current_database();
create view pg_catalog.svv_external_schemas as
    select 0 as esoid, 0::smallint as eskind, ''::text as schemaname, 0 as esowner, ''::text as databasename, ''::text as esoptions where false;
create view pg_catalog.svv_external_tables as
    select ''::text as redshift_database_name, ''::text as schemaname, ''::text as tablename, ''::text as tabletype, ''::text as location where false;
create view pg_catalog.svv_external_columns as
    select ''::text as redshift_database_name, ''::text as schemaname, ''::text as tablename, ''::text as columnname, ''::text as external_type,
        0 as columnnum, 0 as part_key, ''::text as is_nullable where false;
create view pg_catalog.svv_mv_info as
    select ''::text as database_name, ''::text as schema_name, 0 as user_name, ''::text as name, ''::text as is_stale, 0 as state,
        ''::text as autorewrite, ''::text as autorefresh where false;
create view pg_catalog.sys_query_detail as
    select null::bigint as query_id, table_id::oid as table_id, 'insert'::text as step_name, at as start_time from pg_catalog.standin_load;
create view pg_catalog.sys_load_history as
    select query_id, table_id::int as table_id, file_name as data_source, rows as loaded_rows, at as start_time, 'completed'::text as status
    from pg_catalog.standin_load;
create view pg_catalog.sys_load_error_detail as select * from pg_catalog.standin_load_error;
create view pg_catalog.stl_load_errors as
    select user_id as userid, 0 as slice, table_id as tbl, start_time as starttime, session_id as session, query_id as query,
        file_name as filename, line_number, column_name as colname, column_type as type, column_length as col_length, position,
        null::text as raw_line, null::text as raw_field_value, error_code as err_code, error_message as err_reason
    from pg_catalog.standin_load_error;
create view pg_catalog.svv_relation_privileges as
    select n.nspname::text as namespace_name, c.relname::text as relation_name, a.privilege_type::text as privilege_type,
        case when a.grantee = 0 then 0 else a.grantee::int end as identity_id,
        case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee)::text end as identity_name,
        case when a.grantee = 0 then 'public' else coalesce(i.kind, 'user') end as identity_type, a.is_grantable as admin_option
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral aclexplode(c.relacl) a
    left join pg_catalog.standin_identity i on i.name = pg_get_userbyid(a.grantee)
    where c.relkind in ('r', 'v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and a.grantee <> c.relowner
        and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REFERENCES', 'TRUNCATE');
create view pg_catalog.svv_schema_privileges as
    select n.nspname::text as namespace_name, a.privilege_type::text as privilege_type, a.grantee::int as identity_id,
        case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee)::text end as identity_name,
        case when a.grantee = 0 then 'public' else coalesce(i.kind, 'user') end as identity_type, a.is_grantable as admin_option
    from pg_namespace n cross join lateral aclexplode(n.nspacl) a
    left join pg_catalog.standin_identity i on i.name = pg_get_userbyid(a.grantee)
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and a.grantee <> n.nspowner;
create view pg_catalog.svv_roles as
    select r.oid::int as role_id, r.rolname::text as role_name, 'admin'::text as role_owner, null::text as external_id
    from pg_roles r join pg_catalog.standin_identity i on i.name = r.rolname where i.kind = 'role';
create view pg_catalog.svv_user_grants as
    select m.member::int as user_id, pg_get_userbyid(m.member)::text as user_name, m.roleid::int as role_id,
        pg_get_userbyid(m.roleid)::text as role_name, m.admin_option
    from pg_auth_members m join pg_catalog.standin_identity i on i.name = pg_get_userbyid(m.roleid) where i.kind = 'role';

grant select on all tables in schema pg_catalog to public;
revoke select on pg_authid, pg_shadow, pg_subscription, pg_user_mapping, pg_statistic, pg_hba_file_rules, pg_file_settings from public;
reset allow_system_table_mods;
