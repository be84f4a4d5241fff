== ods.customer: newest rows
== Made from the contract customer.customer 1.0.0. Rows that changed last at the source, newest first.
-- Rows that changed last at the source, newest first.
-- Made from the contract customer.customer 1.0.0; owner team:customer-data.
select
    "customer_id",
    "customer_name",
    "segment",
    "region",
    "is_vip",
    "notes",
    "_effective_at"
from "lake_customer"."ods_customer"
order by "_effective_at" desc
limit 100

== hds.customer: as of
== Made from the contract customer.customer 1.0.0. The table as it was at an instant, such as '2026-11-02T17:00:00Z'.
-- The table as it was at an instant, such as '2026-11-02T17:00:00Z'.
-- Made from the contract customer.customer 1.0.0; owner team:customer-data.
select
    "customer_id",
    "customer_name",
    "segment",
    "region",
    "is_vip",
    "notes"
from "lake_customer"."hds_customer"
cross join (select from_iso8601_timestamp(?) as "instant") as "asked"
where "valid_from" <= "instant" and ("valid_to" is null or "instant" < "valid_to")

== hds.customer: versions of one key
== Made from the contract customer.customer 1.0.0. All versions of one row, oldest first; asks for customer_id.
-- All versions of one row, oldest first; asks for customer_id.
-- Made from the contract customer.customer 1.0.0; owner team:customer-data.
select
    "valid_from",
    "valid_to",
    "customer_id",
    "customer_name",
    "segment",
    "region",
    "is_vip",
    "notes"
from "lake_customer"."hds_customer"
where "customer_id" = ?
order by "valid_from"
