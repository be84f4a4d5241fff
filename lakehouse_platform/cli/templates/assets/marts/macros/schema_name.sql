{# A model's schema is its own, `curated_<domain>`; dbt would put the target's before it. #}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{ return(adapter.dispatch('mart_schema')((custom_schema_name or target.schema) | trim)) }}
{% endmacro %}

{% macro default__mart_schema(name) %}{{ return(name) }}{% endmacro %}

{% macro athena__mart_schema(name) %}
    {{ return(catalog_database(name.removeprefix('curated_')) if name.startswith('curated_') else name) }}
{% endmacro %}

{# In Redshift a domain's tables share its schema, whatever zone they are of. #}
{% macro redshift__mart_schema(name) %}{{ return(name.removeprefix('curated_')) }}{% endmacro %}

{# A model's table has the model's name, or what a catalogue calls it. #}
{% macro generate_alias_name(custom_alias_name=none, node=none) %}
    {{ return(adapter.dispatch('mart_table')((custom_alias_name or node.name) | trim, node)) }}
{% endmacro %}

{% macro default__mart_table(name, node) %}{{ return(name) }}{% endmacro %}

{% macro athena__mart_table(name, node) %}
    {{ return('curated_' ~ name if node.resource_type == 'model' else name) }}
{% endmacro %}

{# A view for reports is called like its mart, in a schema of its own. #}
{% macro redshift__mart_table(name, node) %}{{ return(name.removeprefix('reporting_')) }}{% endmacro %}
