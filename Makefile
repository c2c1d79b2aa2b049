# Two commands do everything, set-up included: `make run` and `make test`.
# Needs Python 3.11+ and make; everything else goes into .venv inside this checkout.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help run test check bench edge mutation lock format clean

help: ## what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

run: $(VENV)/.run $(VENV)/.explorer ## set up, then the whole platform on loopback with demo data (ARGS="--reset")
	@$(BIN)/almoner dev $(ARGS)

test: $(VENV)/.dev $(VENV)/.explorer ## set up, then the default test suite (ARGS="tests/tenants -v")
	@$(BIN)/python scripts/run_tests.py $(ARGS)

check: $(VENV)/.dev ## format, lint, types, import contracts, schema snapshot, secrets
	@$(BIN)/python scripts/check.py

bench: $(VENV)/.dev ## Almoner beside its peers, in one table (ARGS="--quick")
	@PYTHON="$(PYTHON)" sh scripts/setup_bench.sh
	@$(BIN)/python -m bench $(ARGS)

edge: $(VENV)/.run ## the edge router's package for Lambda@Edge, build/edge.zip, from the directory in ALMONER_HOME
	@sh scripts/edge_bundle.sh $(ARGS)

mutation: $(VENV)/.dev ## change the code of identity, access and keys, and see whether a test notices (hours)
	@$(BIN)/mutmut run $(ARGS)
	@$(BIN)/mutmut results

format: $(VENV)/.dev ## rewrite the sources in the house format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(VENV)/.dev ## renew the hashed locks under requirements/
	@sh scripts/lock.sh

clean: ## remove the virtual environment and all caches (never .almoner)
	rm -rf $(VENV) mutants .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage build dist

$(VENV)/.run: requirements/run.txt pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh run

$(VENV)/.dev: requirements/dev.txt requirements/ministack.txt requirements/valkey.txt tests/node/package-lock.json pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh dev

$(VENV)/.explorer: $(wildcard gateway/local/explorer/page/* gateway/local/explorer/page/*/*) requirements/node.txt scripts/setup_explorer.sh | $(VENV)/.run
	@sh scripts/setup_explorer.sh
