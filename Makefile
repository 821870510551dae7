# token-server: `make` alone prints the list. Logic lives in the CLI; a target is one line.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run demo test bench check lint types chaos keys-init keys-list keys-rotate keys-revoke \
        keys-import jwks user token

help: ## print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{n=split($$2, help, " := "); printf "  make %-22s %s\n", $$1 (n>1?" " help[1]:""), help[n]}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with the package and its tools (no-op when current)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed\nhint: name one with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: install ## install, then serve in the foreground
	@exec $(BIN)/token-server serve

demo: install ## against a running server: log in, refresh, ask again, reuse, verify
	@$(BIN)/token-server demo

user: install ## NAME=… := add an account; prints its generated password once
	@$(BIN)/token-server users add "$(or $(NAME),$(error NAME=… is missing))" --generate

token: install ## NAME=… := begin a session; prints its first pair as JSON
	@$(BIN)/token-server sessions issue "$(or $(NAME),$(error NAME=… is missing))"

keys-init: install ## make the first keyset (`make run` does it where there is none)
	@$(BIN)/token-server keys init

keys-list: install ## show the signing keys and their states
	@$(BIN)/token-server keys list

keys-rotate: install ## let the next key sign, where the active one is due; safe from cron, on every host
	@$(BIN)/token-server keys rotate

keys-revoke: install ## KID=… := take a stolen key out; no session ends
	@$(BIN)/token-server keys revoke -- "$(or $(KID),$(error KID=… is missing))"

keys-import: install ## FILE=… := take in a key of another server (PEM, PKCS#12, JWK), as the next to sign
	@$(BIN)/token-server keys import -- "$(or $(FILE),$(error FILE=… is missing))"

jwks: install ## print the public JWK Set
	@$(BIN)/token-server keys jwks

test: install ## everything a fresh machine can run, on all cores
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal

chaos: install ## the long profiles: many more histories, kills and cut connections
	$(BIN)/pytest --hypothesis-profile=long --timeout=1800 tests/property tests/e2e tests/signing/test_keyset_changes.py

bench: install ## measure it: one page, bench/results/ holds it as JSON and SVG; ONLY=… for a part
	@PYTHONPATH=tests $(BIN)/python -m bench $(ONLY)

check: lint types test ## lint, types, test: what CI runs

lint: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: install
	$(BIN)/mypy
