{{ config(post_hook="{{ delete_gone(ref('fct_revenue'), {'revenue_date': 'invoice_date', 'region': 'region'}, in_revenue()) }}") }}
{{ served(key=['revenue_date', 'region']) }}

with days as (
    select
        invoice_date as revenue_date,
        region,
        count(*) as invoices,
        cast(coalesce(sum(amount_usd), 0) as decimal(38, 4)) as revenue_usd
    from {{ ref('fct_revenue') }}
    where {{ in_revenue() }}
    group by invoice_date, region
)

select days.*
from days
{{ unlike_held('days', ['revenue_date', 'region']) }}
