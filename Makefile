# make up: everything a newcomer needs, from nothing to a running server.
# make test test-long: the whole suite, browser included.

.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
PORT ?= 8080

CLIENT := src/kaif/web/index.html
CLIENT_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -not -name api.gen.ts -print)

.PHONY: help up build test test-long check bench format clean locks

help:
	@echo "make up      install, build and start Kaif Ozero (DATA=$(DATA) PORT=$(PORT))"
	@echo "make test    run the tests of all parts on real databases, about 25 minutes on two cores"
	@echo "make test-long   run the other half: browsers, crashes, whole servers"
	@echo "make check   types, import contracts, style"
	@echo "make bench   measure against peers (docs/performance)"
	@echo "make format  format the code"
	@echo "make clean   remove what was built; data stays"

up: $(BIN)/.ready $(CLIENT)
	@exec $(BIN)/kaif up --data $(DATA) --port $(PORT)

build: $(BIN)/.ready $(CLIENT)

$(BIN)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Kaif Ozero needs Python 3.11 or newer: make up PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "Python can't make virtual environments here. Run: apt-get install -y python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(CLIENT): $(CLIENT_SOURCES)
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
	  2>/dev/null || { echo "Building the web client needs Node 20.19 or newer with npm."; exit 1; }
	cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	@touch $@

$(BIN)/.dev: requirements-dev.lock $(BIN)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

test: $(BIN)/.dev $(CLIENT) check
	@scripts/install-test-servers
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long"

test-long: $(BIN)/.dev $(CLIENT)
	@scripts/install-test-servers
	$(BIN)/python -m pytest -n 2 --dist worksteal -m long

check: $(BIN)/.dev $(CLIENT)
	$(BIN)/ruff check src tests bench hatch_build.py
	$(BIN)/ruff format --check --quiet src tests bench hatch_build.py
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd web && npm run --silent check && npm test --silent

bench: $(BIN)/.dev $(CLIENT)
	@scripts/install-test-servers bench
	$(BIN)/python -m bench

format: $(BIN)/.dev
	$(BIN)/ruff check --fix --quiet src tests bench hatch_build.py
	$(BIN)/ruff format --quiet src tests bench hatch_build.py
	cd web && npm run --silent format

locks:
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv dist src/kaif/web web/node_modules bench/peers/node_modules tests/relying_parties/node_modules tests/issuer/node_modules tests/socketio/node_modules tests/tus/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
