-- The CRM: naive timestamps are New York wall clock.
create schema audit;

create table public.customer (
    customer_id bigint primary key,
    customer_name text,
    email text,
    tax_id varchar(20),
    birth_date date,
    segment varchar(12),
    region varchar(12),
    is_vip boolean,
    notes text
);

create table audit.customer_log (
    log_id bigserial primary key,
    operation char(1) not null,
    changed_at timestamptz not null,
    customer_id bigint,
    customer_name text,
    email text,
    tax_id varchar(20),
    birth_date date,
    segment varchar(12),
    region varchar(12),
    is_vip boolean,
    notes text
);

create table public.address (
    addr_id bigint primary key,
    customer_id bigint not null,
    kind varchar(10) not null,
    line_1 text,
    line_2 text,
    city text,
    zip char(10),
    country_code varchar(2),
    updated_at timestamp not null
);

create function audit.log_customer() returns trigger language plpgsql
as $$
begin
    insert into audit.customer_log
        (operation, changed_at, customer_id, customer_name, email, tax_id, birth_date, segment, region, is_vip, notes)
    select left(tg_op, 1), legacy_meta.business_now(), r.*
    from (select (case when tg_op = 'DELETE' then old else new end).*) as r;
    return null;
end
$$;

create trigger log_change after insert or update or delete on public.customer
for each row execute function audit.log_customer();

select legacy_meta.track('public.customer', '{customer_id}');
select legacy_meta.track('public.address', '{addr_id}', 'updated_at');
