{# The business's days and the lake's instants. #}

{# Day, in the business's time zone, of an instant. #}
{% macro business_day(instant) %}{{ return(adapter.dispatch('business_day')(instant)) }}{% endmacro %}

{% macro default__business_day(instant) -%}
    cast({{ instant }} at time zone '{{ var("time_zone") }}' as date)
{%- endmacro %}

{# Instant at which a day begins in the business's time zone. #}
{% macro midnight(day) %}{{ return(adapter.dispatch('midnight')(day)) }}{% endmacro %}

{% macro default__midnight(day) -%}
    (cast({{ day }} as timestamp) at time zone '{{ var("time_zone") }}')
{%- endmacro %}

{% macro athena__midnight(day) -%}
    with_timezone(cast({{ day }} as timestamp(6)), '{{ var("time_zone") }}')
{%- endmacro %}

{# An instant as a mart's table keeps it. #}
{% macro kept_instant(instant) %}{{ return(adapter.dispatch('kept_instant')(instant)) }}{% endmacro %}

{% macro default__kept_instant(instant) %}{{ instant }}{% endmacro %}

{# Iceberg keeps microseconds and takes nothing else. #}
{% macro athena__kept_instant(instant) -%}
    cast({{ instant }} as timestamp(6) with time zone)
{%- endmacro %}

{# The day after. #}
{% macro next_day(day) %}{{ return(adapter.dispatch('next_day')(day)) }}{% endmacro %}

{% macro default__next_day(day) -%}
    cast({{ day }} + interval '1' day as date)
{%- endmacro %}

{# Redshift adds whole days to a date; an interval would make it a timestamp first. #}
{% macro redshift__next_day(day) -%}
    cast({{ day }} + 1 as date)
{%- endmacro %}
