{{ reporting_view('dim_customer') }}
