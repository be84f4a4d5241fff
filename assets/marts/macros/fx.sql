{# Rates of exchange with the days that each is the newest for: from `since` to before `until` (NULL: no newer one yet). #}
{% macro fx_periods() %}
    select
        currency_code,
        rate,
        rate_date as since,
        lead(rate_date) over (partition by currency_code order by rate_date) as until
    from {{ source('ods_finance', 'fx_rate') }}
{% endmacro %}

{# Condition that the rate `period` holds on `day`. #}
{% macro holds_on(period, day) -%}
    {{ period }}.since <= {{ day }} and ({{ period }}.until is null or {{ day }} < {{ period }}.until)
{%- endmacro %}
