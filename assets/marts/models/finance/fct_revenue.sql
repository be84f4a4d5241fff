{{ config(post_hook="{{ delete_gone(source('ods_finance', 'invoice'), {'invoice_id': 'invoice_id'}) }}") }}
{{ served(key=['invoice_id']) }}

with invoices as (
    select * from {{ source('ods_finance', 'invoice') }}
),

billing as (
    select customer_no, customer_id from {{ source('ods_finance', 'billing_customer') }}
),

rates as (
    {{ fx_periods() }}
),

-- Looks that the customer had at some time of the invoice's day; the last of them counts.
looks as (
    select
        invoices.invoice_id,
        customers.segment,
        customers.region,
        row_number() over (partition by invoices.invoice_id order by customers.effective_from desc) as back
    from invoices
    inner join billing on invoices.customer_no = billing.customer_no
    inner join {{ ref('dim_customer') }} as customers
        on billing.customer_id = customers.customer_id
        and customers.effective_from < {{ midnight(next_day('invoices.invoice_date')) }}
        and (customers.effective_to is null or customers.effective_to > {{ midnight('invoices.invoice_date') }})
),

revenue as (
    select
        invoices.invoice_id,
        invoices.invoice_no,
        invoices.invoice_date,
        invoices.customer_no,
        billing.customer_id,
        looks.segment,
        coalesce(looks.region, 'unknown') as region,
        invoices.status,
        invoices.currency_code,
        invoices.amount,
        cast(rates.rate as decimal(18, 9)) as fx_rate,
        cast(round(invoices.amount * cast(rates.rate as decimal(18, 9)), 4) as decimal(19, 4)) as amount_usd
    from invoices
    left join billing on invoices.customer_no = billing.customer_no
    left join looks on invoices.invoice_id = looks.invoice_id and looks.back = 1
    left join rates
        on invoices.currency_code = rates.currency_code
        and {{ holds_on('rates', 'invoices.invoice_date') }}
)

select revenue.*
from revenue
{{ unlike_held('revenue', ['invoice_id']) }}
