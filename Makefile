# Every target works on a fresh Debian machine with Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup dev system demo check format schemas test bench docs lock secrets image-check clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 14

setup: $(VENV)/.setup ## make .venv with .venv/bin/vpp

dev: $(VENV)/.dev ## setup, and what check, test and docs need

system: ## Debian packages that the tests need, installed when missing
	.ci/system-packages

demo: $(VENV)/.setup ## the service with a simulated district, pages until Ctrl-C; one event: ARGS="--headless --report out"
	$(BIN)/vpp demo $(ARGS)

check: $(VENV)/.dev ## everything that needs no running: format, lint, types, imports, schemas
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	.ci/schemas

format: $(VENV)/.dev ## let ruff rewrite what it safely can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(VENV)/.setup ## publish the JSON Schemas in configs/wire/v1 anew
	.ci/schemas --write

test: $(VENV)/.dev system ## the whole suite; nothing is skipped for a missing server
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

bench: $(VENV)/.setup ## the published figures (an hour; see docs/performance.md)
	$(BIN)/vpp bench dispatch $(ARGS)
	$(BIN)/vpp bench simulate

docs: $(VENV)/.dev ## the documentation as a site in site/
	$(BIN)/mkdocs build --strict

secrets: ## random passwords for compose.yaml, into secrets/; those that are there stay
	@$(PYTHON) .ci/make-secrets

image-check: $(VENV)/.dev ## the Dockerfile's steps and the image's start without a container engine (root, minutes)
	.ci/image-check $(ARGS)

lock: $(VENV)/.dev ## resolve the dependencies anew (needs uv on the path or in .venv)
	.ci/lock

clean: ## remove what can be made again, .venv excepted
	rm -rf build dist out site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is missing or older than 3.11; name a newer one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/system-packages python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.setup: $(BIN)/python requirements.lock pyproject.toml
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m optimizer.warm
	@touch $@

$(VENV)/.dev: $(VENV)/.setup requirements-dev.lock
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
