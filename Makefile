# token-server: `make` alone prints the list. Logic lives in the CLI; a target is one line.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test check lint types lock

help: ## print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-24s %s\n", $$1 ($$1=="user"||$$1=="token"?" NAME=…":""), $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with the package and its tools (nothing to do when current)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed; name one with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: install ## install, then serve in the foreground
	@exec $(BIN)/token-server serve

test: install ## everything a fresh machine can run
	$(BIN)/pytest

lint: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

check: lint types test ## lint, types, test: what CI runs
