{# Names in a catalogue: a database for each domain, `<catalog>_<domain>`, with tables called `<zone>_<table>`. #}

{% macro source(source_name, table_name) %}
    {{ return(adapter.dispatch('lake_relation')(builtins.source(source_name, table_name), source_name, table_name)) }}
{% endmacro %}

{% macro default__lake_relation(relation, source_name, table_name) %}{{ return(relation) }}{% endmacro %}

{% macro athena__lake_relation(relation, source_name, table_name) %}
    {% set zone, domain = source_name.split('_', 1) %}
    {{ return(relation.incorporate(path={'schema': catalog_database(domain), 'identifier': zone ~ '_' ~ table_name})) }}
{% endmacro %}

{# Redshift has them as they were loaded: a schema for each domain, with tables called `<zone>_<table>`. #}
{% macro redshift__lake_relation(relation, source_name, table_name) %}
    {% set zone, domain = source_name.split('_', 1) %}
    {{ return(relation.incorporate(path={'schema': domain, 'identifier': zone ~ '_' ~ table_name})) }}
{% endmacro %}

{% macro catalog_database(domain) %}{{ return(var('catalog') ~ '_' ~ domain) }}{% endmacro %}

{% macro athena__lake_source(zone, domain, table) %}
    {{ return(adapter.quote(catalog_database(domain)) ~ '.' ~ adapter.quote(zone ~ '_' ~ table)) }}
{% endmacro %}

{% macro redshift__lake_source(zone, domain, table) %}
    {{ return(adapter.quote(domain) ~ '.' ~ adapter.quote(zone ~ '_' ~ table)) }}
{% endmacro %}
