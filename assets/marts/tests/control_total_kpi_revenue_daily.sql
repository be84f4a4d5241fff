-- By day, the open and paid invoices of ODS are in the KPI, converted anew from ODS alone. Invoices without a rate are counted
-- and add nothing; customers that are not in the CRM are the KPI's region "unknown".
with invoices as (
    select currency_code, invoice_date, amount from {{ source('ods_finance', 'invoice') }} where status in ('open', 'paid')
),

-- Rates up to each day on which something was invoiced, the newest first.
rates as (
    select
        asked.currency_code,
        asked.invoice_date,
        fx.rate,
        row_number() over (partition by asked.currency_code, asked.invoice_date order by fx.rate_date desc) as back
    from (select distinct currency_code, invoice_date from invoices) as asked
    inner join {{ source('ods_finance', 'fx_rate') }} as fx
        on asked.currency_code = fx.currency_code and fx.rate_date <= asked.invoice_date
),

expected as (
    select
        cast(invoices.invoice_date as varchar) as bucket,
        count(*) as invoices,
        sum(coalesce(round(invoices.amount * cast(rates.rate as decimal(18, 9)), 4), 0)) as revenue_usd
    from invoices
    left join rates
        on invoices.currency_code = rates.currency_code and invoices.invoice_date = rates.invoice_date and rates.back = 1
    group by invoices.invoice_date
),

accounted as (
    select cast(revenue_date as varchar) as bucket, sum(invoices) as invoices, sum(revenue_usd) as revenue_usd
    from {{ ref('kpi_revenue_daily') }}
    group by revenue_date
)

{{ disagreements('expected', 'accounted', ['invoices', 'revenue_usd']) }}
