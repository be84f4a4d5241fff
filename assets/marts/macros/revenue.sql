{# Condition that an invoice counts as revenue. #}
{% macro in_revenue() %}status in ('open', 'paid'){% endmacro %}
