{{ served() }}

{{ dimension(source('hds_finance', 'gl_account'), 'account_code', ['account_name', 'account_type', 'parent_code', 'is_active']) }}
