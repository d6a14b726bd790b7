# Everything runs from .venv in the project root; `make demo` and `make test` set it up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test laws lint bench clean
help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(STAMP) ## make .venv from the hashed lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else "selfright: Python %d.%d is not supported; accepted: 3.11 to 3.13 (make PYTHON=python3.12 ...)" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	@echo "installing the locked requirements into $(VENV); this takes about a minute"
	$(BIN)/python -m pip install --progress-bar off --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## the whole loop, live, in under three minutes
	$(BIN)/selfright demo $(if $(RATINGS),--ratings $(RATINGS))

test: setup ## everything CI runs: live tests mostly wait, so the others compute meanwhile
	@logs=$$(mktemp -d); failed=; \
	nice -n 15 $(BIN)/python -m pytest -m "not live" --ignore=tests/simulator >$$logs/computing 2>&1 & computing=$$!; \
	$(BIN)/python -m pytest -m "live and not ray" >$$logs/servers 2>&1 & servers=$$!; \
	(while kill -0 $$servers 2>/dev/null; do sleep 1; done; \
	  exec nice -n 15 $(BIN)/python -m pytest tests/simulator >$$logs/simulator 2>&1) & simulator=$$!; \
	trap 'kill $$computing $$servers $$simulator 2>/dev/null; rm -rf $$logs' EXIT; trap 'exit 130' INT TERM; \
	echo "tests on Ray:"; $(BIN)/python -m pytest -m ray || failed=1; \
	wait $$servers || failed=1; echo "tests on brokers and Redis:"; cat $$logs/servers; \
	wait $$computing || failed=1; echo "all other tests:"; cat $$logs/computing; \
	wait $$simulator || failed=1; echo "tests of the simulator:"; cat $$logs/simulator; \
	test -z "$$failed"

laws: setup ## the property tests and fuzzers on 2,000 examples each (EXAMPLES=N: so many)
	SELFRIGHT_EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/python -m pytest -o timeout=0 $$(grep -rl --include='test_*.py' 'from tests.examples import' tests | sort)

lint: setup ## style, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## every benchmark beside its floor, quick form
	@missed=0; for file in $$(grep -l '^def main' benchmarks/*.py); do \
	  $(BIN)/python -m benchmarks.$$(basename $$file .py) --quick || missed=1; done; exit $$missed

clean: ## remove what setup and tests made
	rm -rf $(VENV) .selfright .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
