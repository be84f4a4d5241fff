== curated.kpi_revenue_daily: sample
== Made from the contract finance.kpi_revenue_daily 1.0.0. The first 100 rows.
-- The first 100 rows.
-- Made from the contract finance.kpi_revenue_daily 1.0.0; owner team:finance-data.
select
    "revenue_date",
    "region",
    "invoices",
    "revenue_usd"
from "lake_finance"."curated_kpi_revenue_daily"
order by "revenue_date", "region"
limit 100
