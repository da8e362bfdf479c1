# Everything a person does with this repository, one word each. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup run test lint format proofs faults bench screenshots samples docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the locked dependencies, and Qt's system libraries

$(READY): requirements.lock pyproject.toml installer/setup/setup.sh installer/setup/system_libraries.sh
	@installer/setup/setup.sh
	@touch $@

run: $(READY) ## open the window on the sample library; without a display, ask it a question
	@installer/setup/run_samples.sh

# The first ones need a process that has no guard yet, to show what the guard changes.
FREE := tests/privacy tests/ingest/hostile

test: $(READY) ## run the tests
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n auto --maxprocesses 4 $(FREE)
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(addprefix --ignore=,$(FREE))

lint: $(READY) ## check style, layers and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

format: $(READY) ## let ruff put the style right
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

proofs: $(READY) ## prove that nothing leaves: under strace and in a network without an outside
	@$(BIN)/python -m tests.proofs

faults: $(READY) ## kill, fill and cut the power at N random points of each operation (N=200)
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -m slow
	@$(BIN)/python -m tests.faults --kills $(or $(N),200) --full $(or $(N),200) --cuts $(or $(N),200)

bench: $(READY) ## measure parsing, ingest and search beside the bare parts (DIR=folder of PDFs)
	@$(BIN)/python -m tests.bench $(if $(DIR),--documents "$(DIR)")

screenshots: $(READY) ## photograph the window on the sample library, into docs/images
	@$(BIN)/python docs/make_screenshots.py

samples: $(READY) ## write resources/samples/documents and questions.json anew
	@$(BIN)/python resources/samples/make_samples.py

docs: $(READY) ## write the command reference in docs/cli.md from the program's own help
	@PYTHONPATH=. $(BIN)/python docs/make_cli.py

lock: $(READY) ## write requirements.lock from what is installed in .venv
	@$(BIN)/python installer/setup/write_lock.py

clean: ## remove .venv, the sample library and caches
	@rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
