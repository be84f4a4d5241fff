-- The accounts of today are those of ODS, one by one.
with expected as (
    select account_code as bucket, count(*) as accounts from {{ source('ods_finance', 'gl_account') }} group by account_code
),

accounted as (
    select account_code as bucket, count(*) as accounts from {{ ref('dim_gl_account') }} where is_latest group by account_code
)

{{ disagreements('expected', 'accounted', ['accounts']) }}
