{# Whether two values are alike; two NULLs are. `kind` is the type, as models declare it. #}
{% macro same(one, other, kind) %}{{ return(adapter.dispatch('same')(one, other, kind)) }}{% endmacro %}

{% macro default__same(one, other, kind) -%}
    {{ one }} is not distinct from {{ other }}
{%- endmacro %}

{# Redshift has no such operator, and takes texts that end in blanks for those that do not: the mark makes blanks count. #}
{% macro redshift__same(one, other, kind) -%}
    {%- set mark = " || '|'" if kind == 'varchar' else '' -%}
    ({{ one }}{{ mark }} = {{ other }}{{ mark }} or ({{ one }} is null and {{ other }} is null))
{%- endmacro %}

{# Type of a column of the model that is being built. #}
{% macro kind_of(column) %}{{ return(model.columns[column].data_type if execute else '') }}{% endmacro %}
