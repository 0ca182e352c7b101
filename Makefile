# Needs python3 (3.11 or newer) and make; everything else is installed into .venv/ and .build-env/.
# A second call of a target installs and generates only what has changed.

PORT ?= 8000
PYTEST_ARGS ?=
CLUSTER_ARGS ?=
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
BUILD = $(BIN)/python -m buildsteps

.DEFAULT_GOAL := help
.PHONY: help run cluster test check generate bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.installed-run  ## serve the demo site at PORT (8000)
	@$(BUILD)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo_data
	@echo
	@echo "  http://127.0.0.1:$(PORT)/"
	@echo
	@exec $(BIN)/python manage.py runserver 127.0.0.1:$(PORT)

cluster: $(VENV)/.installed-dev  ## serve it by two processes behind a balancer at PORT, with PostgreSQL and Redis
	@$(BUILD)
	@exec $(BIN)/python -m project.cluster --port $(PORT) $(CLUSTER_ARGS)

test: check  ## run everything CI runs: make check, then the tests of the client and of the site
	$(BUILD) npm test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.installed-dev  ## import layers, style and types, Python and TypeScript
	@$(BUILD)
	$(BIN)/lint-imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BUILD) npm run check

generate: $(VENV)/.created  ## bring the generated files up to date: wire schema, client, stubs
	@$(BUILD)

bench: $(VENV)/.installed-dev  ## measure latency, bytes and reruns per second against a bare echo
	@$(BUILD)
	@$(BIN)/python -m benchmarks

clean:  ## remove environments, generated files and caches; the demo site's data stays
	@$(or $(PYTHON),python3) -m buildsteps clean
	rm -rf $(VENV) .build-env dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache frontend/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed-run: pyproject.toml | $(VENV)/.created
	$(INSTALL) --editable ".[data]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.created
	$(INSTALL) --editable ".[dev]"
	@touch $@ $(VENV)/.installed-run
