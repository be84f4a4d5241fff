{# Control totals: one line a bucket and measure where what ODS holds is not what the mart accounts for.

`expected` and `accounted` are relations with `bucket` and the measures. Rows that a mart leaves out on purpose are a bucket
of their own in `accounted`, so that nothing is missing without a name.
#}
{% macro disagreements(expected, accounted, measures) %}
select
    coalesce(expected.bucket, accounted.bucket) as bucket,
    {%- for measure in measures %}
    coalesce(expected.{{ measure }}, 0) as expected_{{ measure }},
    coalesce(accounted.{{ measure }}, 0) as accounted_{{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ expected }} as expected
full outer join {{ accounted }} as accounted on expected.bucket = accounted.bucket
where
    {%- for measure in measures %}
    coalesce(expected.{{ measure }}, 0) <> coalesce(accounted.{{ measure }}, 0){{ ' or' if not loop.last }}
    {%- endfor %}
{% endmacro %}
