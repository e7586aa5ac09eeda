# Python 3.11+ and make are all this needs: `make serve` runs the server, `make test` the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: serve test check bench lock clean help

help:
	@echo "make serve   set up and run the server on http://127.0.0.1:8080"
	@echo "make test    set up and run the tests"
	@echo "make check   lint and type checks"
	@echo "make bench   measure speed and memory, print a table, write bench/out/bench.json"
	@echo "make lock    resolve the dependencies anew (maintainers)"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "voxgate needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Try: make serve PYTHON=python3.11")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python has no ensurepip, so it cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What the server needs, pinned; then voxgate itself, in place.
$(VENV)/.serve: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV); this takes a minute or two."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.serve
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

serve: $(VENV)/.serve
	@$(BIN)/voxgate serve

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/python -m bench $(BENCH_ARGS)

# Versions for every platform, with hashes, and without a word about where they came from.
lock: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header pyproject.toml --group dev --group build -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header pyproject.toml --group build -c requirements-dev.lock -o requirements.lock

clean:
	rm -rf $(VENV) build dist
