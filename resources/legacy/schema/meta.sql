-- The business's own memory, in both databases. The platform never reads it.
create schema legacy_meta;

create table legacy_meta.estate (seed bigint not null, size text not null, start date not null);

-- One row a committed transaction, written as its last statement; commit_number is the order of commits.
create table legacy_meta.played (
    commit_number bigserial primary key,
    day smallint not null,
    step text not null,
    xid xid8 not null default pg_current_xact_id(),
    unique (day, step)
);

-- One row a changed row. `played` of the same transaction gives it its day and commit number.
create table legacy_meta.journal (
    entry bigserial primary key,
    xid xid8 not null default pg_current_xact_id(),
    schema_name text not null,
    table_name text not null,
    operation char(1) not null check (operation in ('I', 'U', 'D')),
    business_time timestamptz not null,
    content jsonb not null
);

create table legacy_meta.tracked (
    schema_name text not null,
    table_name text not null,
    key text[] not null,
    primary key (schema_name, table_name)
);

-- The simulated time, set by each transaction: set_config('legacy.now', …, true).
create function legacy_meta.business_now() returns timestamptz language sql stable
as $$ select current_setting('legacy.now')::timestamptz $$;

-- A row's own time where it carries one, else the transaction's. $1: the row, $2: the column, '' for none.
create function legacy_meta.time_of(content jsonb, at text) returns timestamptz language sql stable
as $$
    select case
        when at = '' then legacy_meta.business_now()
        when content ->> at ~ '(Z|[+-]\d\d(:\d\d)?)$' and content ->> at like '%T%' then (content ->> at)::timestamptz
        else (content ->> at)::timestamp at time zone 'America/New_York'
    end
$$;

create function legacy_meta.journal_new() returns trigger language plpgsql
as $$
begin
    insert into legacy_meta.journal (schema_name, table_name, operation, business_time, content)
    select tg_table_schema, tg_table_name, left(tg_op, 1), legacy_meta.time_of(to_jsonb(r), tg_argv[0]), to_jsonb(r)
    from rows_after as r;
    return null;
end
$$;

create function legacy_meta.journal_old() returns trigger language plpgsql
as $$
begin
    insert into legacy_meta.journal (schema_name, table_name, operation, business_time, content)
    select tg_table_schema, tg_table_name, 'D', legacy_meta.business_now(), to_jsonb(r)
    from rows_before as r;
    return null;
end
$$;

-- Journal a table from now on. `at` is the column with the row's own business time, '' where it has none.
create function legacy_meta.track(tracked regclass, key text[], at text default '') returns void language plpgsql
as $$
declare
    new_rows text := format('for each statement execute function legacy_meta.journal_new(%L)', at);
begin
    execute format('create trigger journal_i after insert on %s referencing new table as rows_after %s', tracked, new_rows);
    execute format('create trigger journal_u after update on %s referencing new table as rows_after %s', tracked, new_rows);
    execute format(
        'create trigger journal_d after delete on %s referencing old table as rows_before '
        'for each statement execute function legacy_meta.journal_old()', tracked);
    insert into legacy_meta.tracked
    select n.nspname, c.relname, key from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = tracked;
end
$$;
