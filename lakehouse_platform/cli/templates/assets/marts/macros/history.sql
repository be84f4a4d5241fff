{# A dimension of an HDS table: its versions as far as `columns` tell them apart; neighbours that look alike become one. #}
{% macro dimension(history, key, columns) %}
with versions as (
    select {{ ([key] + columns) | join(', ') }}, valid_from, valid_to
    from {{ history }}
),

compared as (
    select
        *,
        case
            when lag(valid_to) over (partition by {{ key }} order by valid_from) = valid_from
                {%- for column in columns %}
                and {{ same(column, 'lag(' ~ column ~ ') over (partition by ' ~ key ~ ' order by valid_from)', kind_of(column)) }}
                {%- endfor %}
                then 0
            else 1
        end as begins
    from versions
),

numbered as (
    select
        *,
        sum(begins) over (partition by {{ key }} order by valid_from rows between unbounded preceding and current row) as look
    from compared
),

merged as (
    select
        {{ ([key] + columns) | join(', ') }},
        min(valid_from) as effective_from,
        case when count(valid_to) = count(*) then max(valid_to) end as effective_to
    from numbered
    group by {{ ([key] + columns + ['look']) | join(', ') }}
)

select
    {{ ([key] + columns) | join(',\n    ') }},
    {{ kept_instant('effective_from') }} as effective_from,
    {{ kept_instant('effective_to') }} as effective_to,
    effective_to is null as is_latest
from merged
{% endmacro %}
