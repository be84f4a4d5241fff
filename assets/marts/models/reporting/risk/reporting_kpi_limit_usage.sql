{{ reporting_view('kpi_limit_usage') }}
