# The one front door. Every target makes .venv and installs what it needs by itself; a second call finds it done.
#
#   make demo     an online store and a stock system, joined before your eyes
#   make test     everything a change must pass (lint, types, imports, tests)
#   make check    the quick half of it: lint, types, imports, spelling, dependencies
#   make docs     the reference from the code, and the site where zensical is installed
#   make bless    rewrite the golden files and the generated pages from what the code says now
#   make bench    side by side with COPY and with its peers    make soak     the long tests, whole
#   make bench-sync  the same of continuous sync: speed, latency, memory, rest
#   make coverage branches of the thinking rooms that no test takes
#   make mutants  proof that the tests catch a broken program   make clean    remove what make made

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-sync soak coverage mutants docs bless clean install

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# Tests use two processes; `make test PARALLEL=8` uses more.
PARALLEL ?= 2

help:
	@sed -n '3,12p' Makefile | cut -c3-

$(VENV)/made: requirements/venv.sh
	@bash requirements/venv.sh $(PYTHON) $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/made requirements/dev.txt requirements/installer.txt requirements/install.sh requirements/servers.sh pyproject.toml
	@bash requirements/install.sh $(VENV)
	@bash requirements/servers.sh $(VENV)
	@touch $@

install: $(VENV)/installed

demo: install
	@$(BIN)/dovetail demo $(DEMO)

check: install
	$(RUN) ruff check .
	$(RUN) mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/deptry src

test: install
	$(RUN) ruff check .
	$(RUN) mypy
	$(BIN)/lint-imports --no-cache
	$(RUN) pytest -q -n $(PARALLEL) --dist loadfile -m "not slow and not network" $(TESTS)

soak: install
	$(RUN) pytest -q -n $(PARALLEL) --dist loadfile --timeout 3600 -m "not network" $(TESTS)

bench: install
	$(RUN) tests.performance.bench

bench-sync: install
	$(RUN) tests.performance.sync.bench

# The rooms that decide, by their own tests and doctests: every branch of seven of them, nearly every one of the eighth.
ROOMS := model analysis mapping identity merge quality plan
DECIDE := tests/laws/test_judge.py tests/laws/test_backends.py tests/golden/test_inverse.py tests/docs/test_expressions.py \
	tests/rooms --ignore-glob=tests/rooms/test_state_* --ignore-glob=tests/rooms/test_project*
COMMA := ,
BLANK := $(COMMA) $(COMMA)
BLANK := $(subst $(COMMA),,$(BLANK))
listed = $(subst $(BLANK),$(COMMA),$(strip $(1)))

coverage: install
	rm -f .coverage .coverage.*
	$(RUN) coverage run --source=$(call listed,$(ROOMS:%=dovetail.%) dovetail.expression) -m pytest -q \
		-m "not slow and not network" $(ROOMS:%=src/dovetail/%) src/dovetail/expression $(DECIDE)
	$(RUN) coverage combine -q
	$(RUN) coverage report --fail-under=100 --include='$(call listed,$(ROOMS:%=src/dovetail/%/*))'
	$(RUN) coverage report --fail-under=98 --include='src/dovetail/expression/*'

mutants: install
	$(RUN) tests.mutants.run

docs: install
	$(RUN) docs.generate
	$(BIN)/zensical build --clean

bless: install
	$(RUN) docs.generate
	$(RUN) pytest -q tests/golden --bless

clean:
	rm -rf $(VENV) site build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +
