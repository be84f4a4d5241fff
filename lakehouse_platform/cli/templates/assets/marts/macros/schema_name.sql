{# A model's schema is its own, `curated_<domain>`; dbt would put the target's before it. #}
{% macro generate_schema_name(custom_schema_name, node) %}{{ (custom_schema_name or target.schema) | trim }}{% endmacro %}
