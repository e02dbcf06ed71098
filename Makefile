# Everything a newcomer needs: `make demo` and `make test` set up what they use.
# Caches stay inside the checkout, in ignored folders.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WHEELS := target/wheels
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export LITELLM_LOCAL_MODEL_COST_MAP := True
export CARGO_TARGET_DIR := $(CURDIR)/target

SOURCES := $(shell find src python -name '*.rs' -o -name '*.py' -o -name '*.pyi' -o -name '*.html' -o -name '*.css' -o -name '*.js' -o -name '*.svg') Cargo.toml pyproject.toml $(wildcard build.rs)

export NO_MKDOCS_2_WARNING := 1

.PHONY: audit licences dist fuzz valgrind bench-service coverage docs options test-faults help demo test test-rust test-oracle test-python test-matrix hammer servers lint format bench bench-quick bench-stages quality learning examples build wheel clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: build ## compress four real inputs and show what came out
	@$(BIN)/python examples/demo.py

test: lint test-rust test-oracle test-python ## all linters and all tests

test-rust: ## tests of the core (needs no Python)
	cargo test --quiet

test-oracle: ## the outline scanner of source code against tree-sitter, on real files
	cargo test --quiet --manifest-path tests/code_oracle/Cargo.toml

test-python: build servers ## tests of the package, against the built wheel
	$(BIN)/python -m pytest

hammer: build servers ## two processes on one store for a minute each, with kills in between
	HEADROOM_HAMMER_S=60 $(BIN)/python -m pytest -s tests/stores/test_hammer.py

# The tests start servers and a browser of their own. Debian's packages are installed where that needs no question. Of a
# cluster that the package starts by itself nothing is used.
servers:
	@have() { command -v redis-server >/dev/null && command -v chromium >/dev/null && \
	    { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1; }; \
	have && exit 0; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	if command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    install="$$as_root apt-get install -y -qq --no-install-recommends redis-server postgresql chromium"; \
	    $$install >/dev/null 2>&1 || { $$as_root apt-get update -qq && $$install; } || true; \
	fi; \
	have || { \
	    echo "The tests need Redis, PostgreSQL and Chromium (Debian: apt install redis-server postgresql chromium)." >&2; \
	    exit 1; }

test-matrix: build ## the LiteLLM wire tests on the oldest, a middle and the newest version
	$(BIN)/python tests/integrations/matrix.py

audit: $(VENV)/.tools ## asks the advisory databases about all dependencies; says what it could not ask
	$(BIN)/python .ci/audit.py $(AUDIT)

licences: $(VENV)/.tools ## the licences of all dependencies; fails on one that is not permissive
	$(BIN)/python .ci/licences.py

dist: $(VENV)/.dist-tools ## builds and checks the wheels and the sdist of a release, into dist/ (10 min)
	$(BIN)/python .ci/dist.py

SECONDS ?= 60
fuzz: ## fuzzes every parser for SECONDS each (default 60); TARGETS= names some
	$(PYTHON) .ci/fuzz.py --seconds $(SECONDS) $(TARGETS)

# A Python from Debian: builds with link-time optimisation have reads that valgrind cannot follow.
SYSTEM_PYTHON ?= /usr/bin/python3
valgrind: build ## the built module under valgrind: no invalid access, nothing lost (1 min)
	PYTHONMALLOC=malloc PYTHONPATH=$(wildcard $(VENV)/lib/python3*/site-packages) valgrind --quiet --error-exitcode=1 \
	    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite $(SYSTEM_PYTHON) fuzz/valgrind.py

bench-service: build ## load on the service beside headroom-ai's own proxy (5 min; installs it into .cache)
	$(BIN)/python benches/cloud_load.py

test-faults: build servers ## the long versions of the service's fault tests (10 min)
	LONG_TESTS=1 $(BIN)/python -m pytest -s tests/service/test_service_faults.py

lint: build ## formats, clippy, ruff, mypy, and the stub against the module
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	cargo clippy --quiet --features python -- -D warnings
	$(BIN)/ruff format --check python tests examples benches fuzz docs .ci
	$(BIN)/ruff check python tests examples benches fuzz docs .ci
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest headroom._core
	$(BIN)/python .ci/licences.py --quiet

format: build ## formats all code
	cargo fmt
	$(BIN)/ruff format python tests examples benches fuzz docs .ci
	$(BIN)/ruff check --fix python tests examples benches fuzz docs .ci

bench: build $(VENV)/.bench-tools ## measures and writes a dated result file under benches/results (10 min)
	$(BIN)/python benches/run.py

bench-quick: build $(VENV)/.bench-tools ## the same without peers and large texts, into .cache (1 min)
	$(BIN)/python benches/run.py --quick

bench-stages: ## criterion benchmarks of the core's stages
	cargo bench --bench stages

quality: build $(VENV)/.bench-tools ## savings and facts kept beside peers (CASES=folder writes docs/quality.md, 5 min)
	$(BIN)/python benches/quality.py $(CASES)

learning: build $(VENV)/.bench-tools ## what learning from use saves and loses, on synthetic agents (CASES=folder adds real runs; 5 min)
	$(BIN)/python benches/learning.py $(CASES)

coverage: build servers ## what no test reaches, by folder, into docs/coverage.md (30 min)
	$(BIN)/python .ci/coverage_by_folder.py

docs: $(VENV)/.tools ## builds the documentation site into site/, strictly
	$(BIN)/python -m mkdocs build --strict --quiet

options: build ## writes docs/options.md and the tables in docs/operations.md from the code
	$(BIN)/python docs/site/options.py

examples: build ## writes docs/examples: ten whole texts before and after
	$(BIN)/python benches/examples.py

wheel: $(WHEELS)/.built ## builds the wheel (release profile)

build: $(VENV)/.installed ## builds the wheel and installs it into .venv

$(VENV)/.tools: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@

$(VENV)/.bench-tools: $(VENV)/.tools benches/requirements.txt
	$(BIN)/python -m pip install --quiet -r benches/requirements.txt
	@touch $@

$(VENV)/.dist-tools: $(VENV)/.tools .ci/requirements-dist.txt
	$(BIN)/python -m pip install --quiet -r .ci/requirements-dist.txt
	@touch $@

$(WHEELS)/.built: $(VENV)/.tools $(SOURCES)
	rm -f $(WHEELS)/headroom_ai-*.whl
	$(BIN)/maturin build --release --quiet --out $(WHEELS) --interpreter $(BIN)/python
	@touch $@

$(VENV)/.installed: $(WHEELS)/.built
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps $(WHEELS)/headroom_ai-*.whl
	@touch $@

clean: ## removes everything that was built
	rm -rf target $(VENV) .cache dist
