{{ reporting_view('kpi_revenue_daily') }}
