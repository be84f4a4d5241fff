-- Every invoice of ODS is in the fact once, with its amount, by currency.
with expected as (
    select currency_code as bucket, count(*) as invoices, sum(amount) as amount, sum(invoice_id) as fingerprint
    from {{ source('ods_finance', 'invoice') }}
    group by currency_code
),

accounted as (
    select currency_code as bucket, count(*) as invoices, sum(amount) as amount, sum(invoice_id) as fingerprint
    from {{ ref('fct_revenue') }}
    group by currency_code
)

{{ disagreements('expected', 'accounted', ['invoices', 'amount', 'fingerprint']) }}
