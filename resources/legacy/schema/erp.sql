-- The ERP: naive timestamps are New York wall clock; what the code has not enforced, the tables do not either.
create schema finance;
create schema billing;
create schema risk;
create schema ops;
create schema audit;

create table finance.gl_account (
    account_code varchar(12) primary key,
    account_name text,
    account_type varchar(12),
    parent_code varchar(12),
    is_active boolean not null,
    opened_on date
);

create table finance.gl_journal (
    journal_id bigint primary key,
    account_code varchar(12) not null,
    side varchar(1) not null,
    amount numeric(19, 4) not null,
    currency_code varchar(3) not null,
    booked_at timestamp not null,
    value_at timestamp,
    memo text,
    reversal_of bigint
);

create table finance.invoice (
    invoice_id bigint primary key,
    invoice_no varchar(20) not null,
    customer_no varchar(12),
    invoice_date date not null,
    due_date date,
    currency_code varchar(3),
    amount numeric(19, 4),
    tax_amount numeric(19, 4),
    status varchar(12) not null,
    priority integer,
    note text,
    updated_at timestamp not null
);

create table finance.fx_rate (
    rate_date date,
    currency_code varchar(3),
    rate numeric(38, 9),
    provider varchar(20),
    primary key (rate_date, currency_code)
);

create table billing.customer (
    cust_no varchar(12) primary key,
    crm_id bigint,
    cust_nm text,
    terms smallint,
    credit_hold boolean not null,
    currency_code varchar(3),
    updated_at timestamp not null
);

create table risk.credit_limit (
    customer_id bigint,
    product_code varchar(10),
    limit_amount numeric(19, 4),
    currency_code varchar(3),
    approved_by text,
    valid_until timestamptz,
    primary key (customer_id, product_code)
);

create table audit.credit_limit_log (
    log_id bigserial primary key,
    operation char(1) not null,
    changed_at timestamptz not null,
    customer_id bigint,
    product_code varchar(10),
    limit_amount numeric(19, 4),
    currency_code varchar(3),
    approved_by text,
    valid_until timestamptz
);

create table risk.exposure (
    counterparty_code varchar(20),
    as_of_date date,
    customer_id bigint,
    product_code varchar(10),
    exposure_amount numeric(19, 4),
    collateral_amount numeric(19, 4),
    default_probability double precision,
    rating varchar(4),
    primary key (counterparty_code, as_of_date)
);

create table risk.watchlist (
    entity_name text,
    reason text,
    list_source varchar(20),
    listed_on date
);

create table ops.work_order (
    work_order_id bigint primary key,
    description text,
    status varchar(12) not null,
    warehouse_code varchar(8) not null,
    quantity integer,
    cost numeric(19, 4),
    due_at timestamp,
    updated_at timestamp not null
);

create table ops.shipment (
    shipment_id bigint primary key,
    work_order_id bigint,
    warehouse_code varchar(8) not null,
    carrier varchar(30) not null,
    tracking_id uuid,
    units integer not null,
    weight_kg numeric(12, 3),
    promised_at timestamptz,
    shipped_at timestamptz not null
);

create table ops.inventory_level (
    warehouse_code varchar(8),
    sku varchar(20),
    quantity_on_hand integer not null,
    quantity_reserved integer,
    unit_cost numeric(19, 4),
    counted_on date,
    primary key (warehouse_code, sku)
);

create function audit.log_credit_limit() returns trigger language plpgsql
as $$
begin
    insert into audit.credit_limit_log
        (operation, changed_at, customer_id, product_code, limit_amount, currency_code, approved_by, valid_until)
    select left(tg_op, 1), legacy_meta.business_now(), r.*
    from (select (case when tg_op = 'DELETE' then old else new end).*) as r;
    return null;
end
$$;

create trigger log_change after insert or update or delete on risk.credit_limit
for each row execute function audit.log_credit_limit();

select legacy_meta.track('finance.gl_account', '{account_code}');
select legacy_meta.track('finance.gl_journal', '{journal_id}', 'booked_at');
select legacy_meta.track('finance.invoice', '{invoice_id}', 'updated_at');
select legacy_meta.track('finance.fx_rate', '{rate_date,currency_code}');
select legacy_meta.track('billing.customer', '{cust_no}', 'updated_at');
select legacy_meta.track('risk.credit_limit', '{customer_id,product_code}');
select legacy_meta.track('risk.exposure', '{counterparty_code,as_of_date}');
select legacy_meta.track('risk.watchlist', '{}');
select legacy_meta.track('ops.work_order', '{work_order_id}', 'updated_at');
select legacy_meta.track('ops.shipment', '{shipment_id}', 'shipped_at');
select legacy_meta.track('ops.inventory_level', '{warehouse_code,sku}');
