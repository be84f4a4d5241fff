{# How models reach the tables of the lake. Other warehouses have them in a catalogue and override both macros. #}

{% macro open_lake() %}{{ return(adapter.dispatch('open_lake')()) }}{% endmacro %}

{% macro default__open_lake() %}{% endmacro %}

{# One view for each source that the selection reads, pinned at one version: models and control totals see the same lake. #}
{% macro duckdb__open_lake() %}
    {% if execute %}
        {% for source in sources_to_read() %}
            {% set meta = source.config.meta %}
            create schema if not exists {{ adapter.quote(source.schema) }};
            create or replace view {{ source.relation_name }} as
            select * from {{ lake_source(meta.zone, meta.domain, source.name) }};
        {% endfor %}
    {% endif %}
{% endmacro %}

{% macro sources_to_read() %}
    {% set wanted = [] %}
    {% for node in graph.nodes.values() if node.unique_id in selected_resources %}
        {% do wanted.extend(node.depends_on.nodes) %}
    {% endfor %}
    {{ return(graph.sources.values() | selectattr('unique_id', 'in', wanted) | list) }}
{% endmacro %}

{# What to select from to read a table of the lake. #}
{% macro lake_source(zone, domain, table) %}{{ return(adapter.dispatch('lake_source')(zone, domain, table)) }}{% endmacro %}

{% macro duckdb__lake_source(zone, domain, table) %}
    {% set path = var('lake') ~ '/' ~ zone ~ '/' ~ domain ~ '/' ~ table %}
    {% set version = run_query("select lake_version('" ~ path ~ "')").columns[0].values()[0] %}
    {% if version is none %}
        {{ exceptions.raise_compiler_error(
            zone ~ '.' ~ domain ~ '.' ~ table ~ ' is not in the lake yet: materialize ' ~ zone ~ '/' ~ domain ~ '/' ~ table ~ ' first'
        ) }}
    {% endif %}
    {{ return("delta_scan('" ~ path ~ "', version => " ~ version ~ ")") }}
{% endmacro %}
