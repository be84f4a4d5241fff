{{ served() }}

with newest as (
    select max(as_of_date) as as_of_date from {{ source('ods_risk', 'exposure') }}
),

owed as (
    select exposure.customer_id, exposure.product_code, exposure.as_of_date, sum(exposure.exposure_amount) as exposure_amount
    from {{ source('ods_risk', 'exposure') }} as exposure
    inner join newest on exposure.as_of_date = newest.as_of_date
    where exposure.customer_id is not null and exposure.product_code is not null
    group by exposure.customer_id, exposure.product_code, exposure.as_of_date
),

rates as (
    {{ fx_periods() }}
),

limits as (
    select
        credit_limit.customer_id,
        credit_limit.product_code,
        cast(round(credit_limit.limit_amount * cast(rates.rate as decimal(18, 9)), 4) as decimal(19, 4)) as limit_amount
    from {{ source('ods_risk', 'credit_limit') }} as credit_limit
    cross join newest
    left join rates
        on credit_limit.currency_code = rates.currency_code
        -- Where nothing was ever owed, the newest rate; the ledger's sentinel of 9999-12-31 is none.
        and {{ holds_on('rates', "coalesce(newest.as_of_date, date '9999-12-30')") }}
)

select
    limits.customer_id,
    limits.product_code,
    owed.as_of_date,
    limits.limit_amount,
    cast(coalesce(owed.exposure_amount, 0) as decimal(38, 4)) as exposure_amount,
    case
        when limits.limit_amount <> 0
            then cast(coalesce(owed.exposure_amount, 0) as double precision) / cast(limits.limit_amount as double precision)
    end as usage,
    coalesce(owed.exposure_amount, 0) > limits.limit_amount as over_limit
from limits
left join owed on limits.customer_id = owed.customer_id and limits.product_code = owed.product_code
