select
    invoice_date as revenue_date,
    region,
    count(*) as invoices,
    cast(coalesce(sum(amount_usd), 0) as decimal(38, 4)) as revenue_usd
from {{ ref('fct_revenue') }}
where status in ('open', 'paid')
group by invoice_date, region
