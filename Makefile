# Two targets matter: `make run` opens the quiz at 127.0.0.1:7860, `make test` proves that everything works.
# Each sets up what it needs, in .venv; a second call finds it done. What may be set, in the environment or after make:
#
#   PYTHON=python3.12   interpreter that .venv is made from; the first of 3.11 or newer that is found otherwise
#   TORCH_INDEX=URL     package index that torch comes from, such as PyTorch's own one for CPU builds; the usual one otherwise
#   ARGS='-m "not slow and not browser"'   arguments for pytest in `make test`, for the script in `make bench`

PYTHON ?=
TORCH_INDEX ?=
ARGS ?=
export TORCH_INDEX

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
# The bounds on torch stand in pyproject.toml alone.
TORCH := $(shell sed -n 's/^ *"\(torch[<>=][^"]*\)".*/\1/p' pyproject.toml)

QUIZZES := $(wildcard data/quizzes/*.yaml)
RUBRICS := $(wildcard rubrics/*.yaml)
BENCH := $(wildcard benchmarks/[a-z]*.py)

.PHONY: help install browser run test check bench clean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

install: $(VENV)/installed ## make .venv with the grader in it

run: $(VENV)/installed ## open the quiz at 127.0.0.1:7860; GRADER_HOST and GRADER_PORT change where
	$(BIN)/python app.py

test: $(VENV)/installed-dev browser ## run every test, those in a browser included
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/installed-dev ## lint, format, types, layers, and that what is generated is up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/grader quiz check $(QUIZZES) $(RUBRICS)
	$(BIN)/grader quiz mirror --check $(QUIZZES)
	$(BIN)/grader quiz schema --check --out docs/schema

bench: $(VENV)/installed-dev ## measure with every script in benchmarks/, or only BENCH=benchmarks/NAME.py
	@failed=; \
	for file in $(BENCH); do echo "$$file"; $(BIN)/python "$$file" $(ARGS) || failed+=" $$file"; done; \
	if [ -n "$$failed" ]; then echo "could not measure:$$failed" >&2; exit 1; fi

clean: ## remove all that the other targets made, .venv included
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .gradio
	find . -name __pycache__ -prune -exec rm -rf {} +

# What a Space installs: the dependencies of pyproject.toml, without the grader itself. A test compares the two.
requirements.txt: FORCE
	@python=$$($(find_python)); "$$python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > $@


# --- Setting up -----------------------------------------------------------------------------------------------------

# Prints the interpreter to make .venv from.
define find_python
for python in $(PYTHON) $(if $(PYTHON),,python3 python3.14 python3.13 python3.12 python3.11); do \
  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then command -v "$$python"; exit 0; fi; \
done; \
echo "no Python of 3.11 or newer$(if $(PYTHON), in PYTHON=$(PYTHON)): install one, or name it with PYTHON=" >&2; exit 1
endef

# Installs Debian packages ($1) where that can be done without asking; says what is missing ($2) where it cannot.
define apt_install
sudo=; if [ "$$(id -u)" -ne 0 ]; then sudo="sudo -n"; fi; \
if ! command -v apt-get >/dev/null || ! $$sudo true 2>/dev/null; then echo "$(2)" >&2; exit 1; fi; \
echo "installing $(1)"; \
$$sudo apt-get update -qq && \
  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null
endef

# torch comes first and alone. Of one version pip prefers a build with a local name such as 2.13.0+cpu, so a CPU build
# is taken wherever pip finds one: in its own settings or in TORCH_INDEX. On Linux the usual index has only the CUDA
# build, which works everywhere but takes gigabytes.
$(VENV)/torch:
	@python=$$($(find_python)); \
	if ! "$$python" -c 'import ensurepip' 2>/dev/null; then \
	  version=$$("$$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
	  $(call apt_install,$$version-venv,$$python cannot make virtual environments: install its venv package (python3-venv on Debian)); \
	fi; \
	echo "making $(VENV) with $$python"; \
	"$$python" -m venv $(VENV) || "$$python" -m venv --clear $(VENV)
	@echo "installing $(TORCH)$(if $(TORCH_INDEX), from TORCH_INDEX)"
	@$(PIP) $(if $(TORCH_INDEX),--index-url "$(TORCH_INDEX)") "$(TORCH)"
	@touch $@

$(VENV)/installed: pyproject.toml | $(VENV)/torch
	@echo "installing the grader"
	@$(PIP) -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/torch
	@echo "installing the grader and what its tests need"
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/installed

# Tests drive a Chromium of the system's: the one in GRADER_CHROMIUM, or under a name that tests/conftest.py looks for.
# Without one they are skipped, but in CI (CI=true) nothing may be.
browser:
	@if [ -n "$${GRADER_CHROMIUM:-}" ]; then exit 0; fi; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  if command -v "$$name" >/dev/null; then exit 0; fi; \
	done; \
	( $(call apt_install,chromium chromium-sandbox fonts-liberation,no browser: install Chromium or set GRADER_CHROMIUM to its path) ) \
	  || [ "$${CI:-}" != true ]
