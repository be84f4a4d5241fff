{{ served() }}

{{ dimension(source('hds_customer', 'customer'), 'customer_id', ['customer_name', 'segment', 'region', 'is_vip']) }}
