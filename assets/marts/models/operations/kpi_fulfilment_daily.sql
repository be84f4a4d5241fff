{{ served() }}

with shipments as (
    select
        {{ business_day('shipped_at') }} as ship_date,
        warehouse_code,
        units,
        case when promised_at < shipped_at then 1 else 0 end as late
    from {{ source('ods_operations', 'shipment') }}
)

select
    ship_date,
    warehouse_code,
    count(*) as shipments,
    cast(sum(1 - late) as bigint) as on_time,
    cast(sum(late) as bigint) as late,
    cast(sum(units) as bigint) as units
from shipments
group by ship_date, warehouse_code
