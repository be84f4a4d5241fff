{# What Redshift asks for beside a query: layout, changes instead of rebuilds, views for reports, and who may read.

The platform says it in the variable `layouts`, by model: `types`, `encodings`, `dist`, `sort` and `readers`, as the contracts have
it. Other targets ask for nothing.
#}
{% macro layout_of(name) %}{{ return(var('layouts', {}).get(name, {})) }}{% endmacro %}

{# Stands at the top of each mart, below what else is done before its commit. With a `key`, only rows that differ are written. #}
{% macro served(key=none) %}{{ return(adapter.dispatch('served')(key)) }}{% endmacro %}

{% macro default__served(key) %}{% endmacro %}

{% macro redshift__served(key) %}
    {% set layout = layout_of(model.name) %}
    {{ config(dist=layout.get('dist', 'auto'), grants=granted(layout), post_hook=["{{ remember_layout() }}", "{{ audit() }}"]) }}
    {% if layout.get('sort') %}{{ config(sort=layout.sort, sort_type='compound') }}{% endif %}
    {% if key %}
        {{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key=key, on_schema_change='fail') }}
    {% endif %}
{% endmacro %}

{# All of a contract's roles read; builds write, and nobody else. #}
{% macro granted(layout) %}
    {% set roles = [] %}
    {% for role in layout.get('readers', []) %}{% do roles.append('role:' ~ role) %}{% endfor %}
    {{ return({'select': roles}) }}
{% endmacro %}

{# Columns of a table as the contract has them: `varchar` alone would be 256 bytes. #}
{% macro redshift__get_table_columns_and_constraints() %}
    {% set layout = layout_of(model.name) %}
    (
    {% for column in model.columns.values() %}
        {{ adapter.quote(column.name) }} {{ layout.get('types', {}).get(column.name, column.data_type) }}
        {%- if column.name in layout.get('encodings', {}) %} encode {{ layout.encodings[column.name] }}{% endif %}
        {{- ',' if not loop.last }}
    {% endfor %}
    )
{% endmacro %}

{# Whether a table is to be built anew: asked for, or its columns, keys or encodings are no longer those of the contract. #}
{% macro should_full_refresh() %}
    {% set said = config.get('full_refresh') %}
    {{ return(said if said is not none else flags.FULL_REFRESH or adapter.dispatch('has_another_layout')()) }}
{% endmacro %}

{% macro default__has_another_layout() %}{{ return(false) }}{% endmacro %}

{% macro redshift__has_another_layout() %}
    {% set held %}
        select described.description
        from pg_catalog.pg_description as described
        inner join pg_catalog.pg_class as relation on described.objoid = relation.oid
        inner join pg_catalog.pg_namespace as namespace on relation.relnamespace = namespace.oid
        where described.objsubid = 0 and namespace.nspname = '{{ this.schema }}' and relation.relname = '{{ this.identifier }}'
    {% endset %}
    {{ return(execute and run_query(held).columns[0].values() | list != [layout_mark()]) }}
{% endmacro %}

{% macro layout_mark() %}
    {% set layout = layout_of(model.name) %}
    {% set columns = [] %}
    {% for column in model.columns.values() %}{% do columns.append([column.name, column.data_type]) %}{% endfor %}
    {% set physical = [columns, layout.get('types'), layout.get('encodings'), layout.get('dist'), layout.get('sort')] %}
    {{ return('layout ' ~ local_md5(tojson(physical, sort_keys=true))) }}
{% endmacro %}

{% macro remember_layout() %}comment on table {{ this }} is '{{ layout_mark() }}'{% endmacro %}

{# Leaves of a mart's rows those that the table does not hold just so: new ones and changed ones. `rows` is the last CTE.

The rows are computed from everything, and only what differs is written: whatever made them differ (a late correction, a rate,
a customer's past, the model itself), the table equals a full build once `delete_gone` has taken out the rest.
#}
{% macro unlike_held(rows, key) %}{{ return(adapter.dispatch('unlike_held')(rows, key)) }}{% endmacro %}

{% macro default__unlike_held(rows, key) %}{% endmacro %}

{% macro redshift__unlike_held(rows, key) %}
{% if is_incremental() -%}
left join {{ this }} as held
    on {% for column in model.columns.values() -%}
    {{ '' if loop.first else 'and ' }}
        {%- if column.name in key -%} {{ rows }}.{{ column.name }} = held.{{ column.name }}
        {%- else -%} {{ same(rows ~ '.' ~ column.name, 'held.' ~ column.name, column.data_type) }}
        {%- endif %}
    {% endfor -%}
where held.{{ key[0] }} is null
{%- endif %}
{% endmacro %}

{# Takes out the rows whose key is not in `relation` any more; `key` has its column for each of the mart's. In the same commit. #}
{% macro delete_gone(relation, key, condition='true') %}
    {{ return(adapter.dispatch('delete_gone')(relation, key, condition)) }}
{% endmacro %}

{% macro default__delete_gone(relation, key, condition) %}{% endmacro %}

{% macro redshift__delete_gone(relation, key, condition) %}
{% if is_incremental() -%}
delete from {{ this }}
where not exists (
    select 1 from {{ relation }} as present
    where {{ condition }}
    {%- for own, theirs in key.items() %} and present.{{ theirs }} = {{ adapter.quote(this.identifier) }}.{{ own }}{% endfor %}
)
{%- endif %}
{% endmacro %}

{# The tests that are asked for, before the mart's commit: where one finds rows, nothing is committed, and reports keep the old ones. #}
{% macro audit() %}
{% if execute %}
    {% set broken = [] %}
    {% for node in graph.nodes.values() if node.unique_id in selected_resources and holds_back(node) %}
        {% set found = run_query('select count(*) from (' ~ query_of(node) ~ ') as failures').columns[0].values()[0] %}
        {% if found %}{% do broken.append(node.name ~ ' (' ~ found ~ ')') %}{% endif %}
    {% endfor %}
    {% if broken %}{{ exceptions.raise_compiler_error('held back by its tests: ' ~ broken | join(', ')) }}{% endif %}
{% endif %}
{% endmacro %}

{# Whether a test judges the model that is being built, more than warns, and asks of nothing that may be built after it. #}
{% macro holds_back(node) %}
    {% if node.resource_type != 'test' or node.config.severity | lower != 'error' or node.config.error_if != '!= 0' %}{{ return(false) }}{% endif %}
    {% for used in node.depends_on.nodes if used.startswith('model.') and used not in [model.unique_id] + model.depends_on.nodes %}
        {{ return(false) }}
    {% endfor %}
    {% set named = node.config.get('meta', {}).get('dagster', {}).get('ref', {}).get('name') %}
    {{ return(node.attached_node == model.unique_id or named == model.name) }}
{% endmacro %}

{# What a test asks, of the table as the open transaction has it. #}
{% macro query_of(node) %}
    {% if not node.test_metadata %}{{ return(render(node.raw_code)) }}{% endif %}
    {% set given = {} %}
    {% for name, value in node.test_metadata.kwargs.items() %}
        {% set relation = value is string and (value.startswith('ref(') or value.startswith('source(')) %}
        {% do given.update({name: render('{{ ' ~ value ~ ' }}') if relation else value}) %}
    {% endfor %}
    {% set where = node.config.get('where') %}
    {% do given.update({'model': '(select * from ' ~ this ~ ' where ' ~ where ~ ') as asked' if where else this}) %}
    {{ return(context['test_' ~ node.test_metadata.name](**given)) }}
{% endmacro %}

{# A test that is asked while its model is built means the model's own table. #}
{% macro ref(name) %}
    {% set meant = varargs[0] if varargs else name %} {# a package may stand before the model #}
    {% set own = execute and model.resource_type == 'model' and meant == model.name %}
    {{ return(this if own else builtins.ref(name, *varargs, **kwargs)) }}
{% endmacro %}

{# A view that reports are made of. It is bound when it is queried, so that its mart can be built anew beneath it. #}
{% macro reporting_view(mart) %}
{{ config(grants=granted(layout_of(mart))) }}
{% set relation = ref(mart) %}
{% set columns = graph.nodes['model.' ~ model.package_name ~ '.' ~ mart].columns if execute else {'*': none} %}
select {{ columns | join(', ') }} from {{ relation }}
{% endmacro %}

{# The contracts' roles get at the schemas; what they may read there, each table says. Roles are made where people are known. #}
{% macro admit_roles() %}{{ return(adapter.dispatch('admit_roles')()) }}{% endmacro %}

{% macro default__admit_roles() %}{% endmacro %}

{% macro redshift__admit_roles() %}
    {% if execute %}
        {% set admissions = [] %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' and node.unique_id in selected_resources %}
            {% for role in layout_of(node.name.removeprefix('reporting_')).get('readers', []) %}
                {% do admissions.append('grant usage on schema ' ~ adapter.quote(node.schema) ~ ' to role ' ~ role) %}
            {% endfor %}
        {% endfor %}
        {{ return(admissions | unique | join(';\n')) }}
    {% endif %}
{% endmacro %}
