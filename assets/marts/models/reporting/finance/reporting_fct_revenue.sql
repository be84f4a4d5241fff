{{ reporting_view('fct_revenue') }}
