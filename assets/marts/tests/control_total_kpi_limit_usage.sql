-- Every limit of ODS is in the KPI, converted anew from ODS alone, and so is everything owed at the newest close of business,
-- except two named buckets: what counterparties owe that are no customers (banks and brokers), and what customers owe for a
-- product that they have no limit for.
with newest as (
    select * from {{ source('ods_risk', 'exposure') }}
    where as_of_date = (select max(as_of_date) from {{ source('ods_risk', 'exposure') }})
),

last_rates as (
    select currency_code, cast(rate as decimal(18, 9)) as rate
    from (
        select currency_code, rate, row_number() over (partition by currency_code order by rate_date desc) as back
        from {{ source('ods_finance', 'fx_rate') }}
        where rate_date <= coalesce((select max(as_of_date) from newest), date '9999-12-30') and currency_code <> 'XTS'
    ) as rates
    where back = 1
),

limits as (
    select credit_limit.*, round(credit_limit.limit_amount * last_rates.rate, 4) as limit_usd
    from {{ source('ods_risk', 'credit_limit') }} as credit_limit
    left join last_rates on credit_limit.currency_code = last_rates.currency_code
),

expected as (
    select 'limits' as bucket, count(*) as lines, coalesce(sum(limit_usd), 0) as amount from limits
    union all
    select 'exposures', 0, coalesce(sum(exposure_amount), 0) from newest
),

outside as (
    select
        case when newest.customer_id is null or newest.product_code is null then 'no customer' else 'no limit' end as bucket,
        newest.exposure_amount
    from newest
    left join limits on newest.customer_id = limits.customer_id and newest.product_code = limits.product_code
    where limits.customer_id is null
),

accounted as (
    select 'limits' as bucket, count(*) as lines, coalesce(sum(limit_amount), 0) as amount from {{ ref('kpi_limit_usage') }}
    union all
    select 'exposures', 0, coalesce(sum(exposure_amount), 0)
    from (
        select exposure_amount from {{ ref('kpi_limit_usage') }}
        union all
        select exposure_amount from outside where bucket in ('no customer', 'no limit')
    ) as parts
)

{{ disagreements('expected', 'accounted', ['lines', 'amount']) }}
