-- The customers of today are those of ODS, by segment.
with expected as (
    select segment as bucket, count(*) as customers, sum(customer_id) as fingerprint
    from {{ source('ods_customer', 'customer') }}
    group by segment
),

accounted as (
    select segment as bucket, count(*) as customers, sum(customer_id) as fingerprint
    from {{ ref('dim_customer') }}
    where is_latest
    group by segment
)

{{ disagreements('expected', 'accounted', ['customers', 'fingerprint']) }}
