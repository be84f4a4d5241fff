{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}, count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{% test satisfies(model, expression) %}
select *
from {{ model }}
where not coalesce({{ expression }}, true)
{% endtest %}

{% test periods_do_not_overlap(model, key, since, until) %}
select *
from (
    select
        {{ key }},
        {{ since }},
        lag({{ until }}) over (partition by {{ key }} order by {{ since }}) as ended,
        lag({{ since }}) over (partition by {{ key }} order by {{ since }}) as began
    from {{ model }}
) as neighbours
where began is not null and (ended is null or ended > {{ since }})
{% endtest %}
