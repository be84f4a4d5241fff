{{ reporting_view('kpi_fulfilment_daily') }}
