{{ reporting_view('dim_gl_account') }}
