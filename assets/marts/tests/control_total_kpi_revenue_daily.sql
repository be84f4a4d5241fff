-- By day, the open and paid invoices of ODS are in the KPI, converted anew from ODS alone. Invoices without a rate are counted
-- and add nothing; customers that are not in the CRM are the KPI's region "unknown".
with expected as (
    select
        cast(invoice.invoice_date as varchar) as bucket,
        count(*) as invoices,
        sum(
            coalesce(
                round(
                    invoice.amount * (
                        select cast(max_by(fx.rate, fx.rate_date) as decimal(18, 9))
                        from {{ source('ods_finance', 'fx_rate') }} as fx
                        where fx.currency_code = invoice.currency_code and fx.rate_date <= invoice.invoice_date
                    ),
                    4
                ),
                0
            )
        ) as revenue_usd
    from {{ source('ods_finance', 'invoice') }} as invoice
    where invoice.status in ('open', 'paid')
    group by invoice.invoice_date
),

accounted as (
    select cast(revenue_date as varchar) as bucket, sum(invoices) as invoices, sum(revenue_usd) as revenue_usd
    from {{ ref('kpi_revenue_daily') }}
    group by revenue_date
)

{{ disagreements('expected', 'accounted', ['invoices', 'revenue_usd']) }}
