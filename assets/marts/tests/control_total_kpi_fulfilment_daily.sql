-- Every shipment of ODS and every piece in it is in the KPI, by warehouse.
with expected as (
    select warehouse_code as bucket, count(*) as shipments, sum(units) as units
    from {{ source('ods_operations', 'shipment') }}
    group by warehouse_code
),

accounted as (
    select warehouse_code as bucket, sum(shipments) as shipments, sum(units) as units
    from {{ ref('kpi_fulfilment_daily') }}
    group by warehouse_code
)

{{ disagreements('expected', 'accounted', ['shipments', 'units']) }}
