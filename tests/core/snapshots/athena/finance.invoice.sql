== ods.invoice: newest rows
== Made from the contract finance.invoice 1.0.0. Rows that changed last at the source, newest first.
-- Rows that changed last at the source, newest first.
-- Made from the contract finance.invoice 1.0.0; owner team:finance-data.
select
    "invoice_id",
    "invoice_no",
    "customer_no",
    "invoice_date",
    "due_date",
    "currency_code",
    "amount",
    "tax_amount",
    "status",
    "priority",
    "note",
    "updated_at",
    "_effective_at"
from "lake_finance"."ods_invoice"
order by "_effective_at" desc
limit 100

== hds.invoice: as of
== Made from the contract finance.invoice 1.0.0. The table as it was at an instant, such as '2026-11-02T17:00:00Z'.
-- The table as it was at an instant, such as '2026-11-02T17:00:00Z'.
-- Made from the contract finance.invoice 1.0.0; owner team:finance-data.
select
    "invoice_id",
    "invoice_no",
    "customer_no",
    "invoice_date",
    "due_date",
    "currency_code",
    "amount",
    "tax_amount",
    "status",
    "priority",
    "note",
    "updated_at"
from "lake_finance"."hds_invoice"
cross join (select from_iso8601_timestamp(?) as "instant") as "asked"
where "valid_from" <= "instant" and ("valid_to" is null or "instant" < "valid_to")

== hds.invoice: versions of one key
== Made from the contract finance.invoice 1.0.0. All versions of one row, oldest first; asks for invoice_id.
-- All versions of one row, oldest first; asks for invoice_id.
-- Made from the contract finance.invoice 1.0.0; owner team:finance-data.
select
    "valid_from",
    "valid_to",
    "invoice_id",
    "invoice_no",
    "customer_no",
    "invoice_date",
    "due_date",
    "currency_code",
    "amount",
    "tax_amount",
    "status",
    "priority",
    "note",
    "updated_at"
from "lake_finance"."hds_invoice"
where "invoice_id" = ?
order by "valid_from"
