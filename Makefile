# CCEI market: all a newcomer needs. `make help` says what each verb does.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A virtual environment of its own: slither wants an older web3 than ours.
AUDIT := $(VENV)/audit
NODE_MODULES := contracts/node_modules
FORGE = $(shell find $(NODE_MODULES)/@foundry-rs -path '*/bin/forge' -type f 2>/dev/null | grep -v '/@foundry-rs/forge/' | head -n 1)

# The tests start many processes: each would read and compile the market's whole source again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup postgresql demo test serve check bench audit soak clean

help: ## Say what each verb does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.ready $(NODE_MODULES)/.ready ## Install everything into .venv and contracts/node_modules

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	$(BIN)/python -m market.compiling
	@touch $@

$(NODE_MODULES)/.ready: contracts/package.json contracts/package-lock.json
	cd contracts && npm ci --omit=dev --no-fund --no-audit --loglevel=error
	@touch $@

demo: setup ## Run the built-in market day on a local chain and write day-report/
	$(BIN)/ccei demo --out day-report

# The tests run a server of their own. Where Debian's package cannot be installed, its tests say so and are left out.
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
		echo "installing PostgreSQL for the tests"; \
		as=; test "$$(id -u)" = 0 || as="sudo -n"; \
		$$as apt-get update --quiet=2 && $$as apt-get install --yes --quiet=2 --no-install-recommends postgresql; \
	} || echo "no PostgreSQL: its tests are left out; install Debian's package postgresql to run them"

test: setup postgresql ## Run the tests
	$(BIN)/python -m pytest

serve: setup ## Serve the market on http://127.0.0.1:8000 (OpenAPI page at /docs)
	$(BIN)/ccei serve

check: setup ## Style, types, import directions, spelling, format of the contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	cd contracts && $(abspath $(FORGE)) fmt --check

bench: setup ## Print speeds, each beside a peer or a bound measured in the same run
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m tests.benchmarks

audit: setup ## Static analysis, coverage and proofs of the contracts
	test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(AUDIT)/bin/python -m pip install --quiet --group audit
	cd contracts && npm ci --include=dev --no-fund --no-audit --loglevel=error
	@touch $(NODE_MODULES)/.ready
	$(BIN)/python -m tests.audit

soak: setup ## Run the long campaigns
	$(BIN)/python -m pytest -m soak --timeout=0 -n 0

clean: ## Remove what setup installed and what runs left behind
	rm -rf $(VENV) $(NODE_MODULES) contracts/out contracts/cache day-report build *.egg-info
