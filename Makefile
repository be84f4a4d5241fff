# Every target sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo dev test lint bench lock clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3 python3.13 python3.12 python3.11
ENV ?= local
PYTEST_ARGS ?= -n 2 --dist loadfile
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

# Python must come from this machine, and nothing outside the lock decides what is installed.
export UV_PYTHON_DOWNLOADS := never

help: ## Show this list
	@echo "A lakehouse on one machine. Begin with: make demo"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## Make .venv with exactly what requirements.lock names (the other targets do this first)

# What an environment needs beside the packages, and what its commands run in.
NEEDS_aws-local := $(VENV)/spark-jars/.fetched
AROUND_aws-local = $(BIN)/python -m tests.standins --jars $(VENV)/spark-jars --

demo: setup $(NEEDS_$(ENV)) ## Run the main job: PostgreSQL to Raw, ODS, HDS, marts and Domo datasets; `ENV=aws-local` on stand-ins of AWS
	$(AROUND_$(ENV)) $(BIN)/lakehouse --env $(ENV) demo

dev: setup ## Open the Dagster UI on the same lakehouse, the demo's runs included
	$(BIN)/lakehouse dev

test: setup $(VENV)/spark-jars/.fetched ## Run the tests; `make test PYTEST_ARGS="-k gate"` for a few
	$(BIN)/pytest -m "not bench" $(PYTEST_ARGS)

lint: setup ## Check style (ruff) and types (mypy --strict)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup ## Measure time and memory, and print the tables
	$(BIN)/pytest -m bench -s tests/bench

lock: setup ## Resolve pyproject.toml again into requirements.lock, newest versions
	$(BIN)/uv pip compile pyproject.toml --extra local --extra spark --extra aws --extra job --extra redshift --extra domo --extra slack --group dev --universal --python-version 3.11 --generate-hashes \
		--upgrade --no-emit-index-url --custom-compile-command "make lock" --quiet --output-file requirements.lock

clean: ## Remove the environment, the lake and every cache
	rm -rf $(VENV) .lakehouse .mypy_cache .pytest_cache .ruff_cache .hypothesis assets/marts/target assets/marts/logs

$(BIN)/python:
	@for python in $(PYTHON); do \
		"$$python" -c '$(SUPPORTED)' 2>/dev/null || continue; \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv $(VENV) || uv venv --quiet --clear --python "$$python" $(VENV); \
		exit $$?; \
	done; \
	echo "No Python from 3.11 to 3.13 among: $(PYTHON). Install one, or name it: make setup PYTHON=/path/to/python" >&2; exit 1

# Delta for Spark, and S3, from Maven.
$(VENV)/spark-jars/.fetched: lakehouse_platform/engines/spark/jars.py $(VENV)/.installed
	$(BIN)/python -m lakehouse_platform.engines.spark.jars $(VENV)/spark-jars
	@touch $@

# The installer comes out of the same lock as the rest, by its hash; where venv came without pip, uv made it and is here.
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/uv --version 2>/dev/null | grep -qF "$$(sed -n 's/^uv==\([^ ]*\).*/\1/p' $(VENV)/uv.lock)" \
		|| $(BIN)/python -m pip install --quiet --require-hashes --requirement $(VENV)/uv.lock \
		|| uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $(VENV)/uv.lock
	$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
