# The commands of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes

.DEFAULT_GOAL := help
.PHONY: help demo setup test prove check bench model lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/run.stamp ## install what is needed and show the main job on a sample project
	@$(BIN)/cope-lsp demo

setup: $(VENV)/dev.stamp ## install everything that the tests need

test: $(VENV)/dev.stamp check ## run all checks and tests, the long ones in their short form
	$(BIN)/pytest

prove: $(VENV)/dev.stamp ## run every test in its full form
	COPE_LSP_PROVE=1 $(BIN)/pytest

check: $(VENV)/dev.stamp ## lint, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/dev.stamp ## measure speed and memory beside llama.cpp's own tools
	$(BIN)/python -m tests.benchmarks

model: $(VENV)/run.stamp ## train the embedded model again, from nothing (about an hour and a half)
	$(MAKE) -C training model

lock: ## pin the dependencies again (needs uv)
	requirements/lock.sh

clean: ## remove everything that was made here
	rm -rf $(VENV) build dist training/build

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "The venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/run.stamp: $(VENV)/bin/python requirements/pip.txt requirements/build.txt requirements/run.txt pyproject.toml
	@echo "Installing (llama.cpp is compiled the first time: about five minutes on two cores) ..."
	@$(PIP) -r requirements/pip.txt
	@$(PIP) --build-constraint requirements/build.txt -r requirements/run.txt
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@$(PIP) --build-constraint requirements/build.txt -r requirements/dev.txt
	@touch $@
