# Two commands do everything on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
TWEETS ?=
# TORCH_BACKEND=cpu installs torch without CUDA (5 GB less) where PyTorch's own index is reachable.
TORCH_BACKEND ?=
# Files of tests at once: one more than two cores, since those with services mostly wait.
AT_ONCE ?= 3
BIN := $(VENV)/bin
ENV := $(VENV)/.installed

.PHONY: demo test lint docs chaos audit paper bench-gpu env pins clean

demo: $(ENV)
	$(PYTHON) -m deploy.local.install
	$(BIN)/python -m worker.compile
	$(BIN)/python -m deploy.demo $(if $(TWEETS),--tweets $(TWEETS))

test: $(ENV)
	$(PYTHON) -m deploy.local.install
	$(PYTHON) -m deploy.local.tools
	$(BIN)/python -m worker.compile
	$(MAKE) lint
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(AT_ONCE) --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	deploy/local/other-pythons $(VENV) $(AT_ONCE)

lint: $(ENV)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documents as a site, in site/; a broken link is a failure.
docs: $(ENV)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# All that can break, in a seeded order, more than an hour; `make test` has a little of each.
chaos: $(ENV)
	$(BIN)/python -m tests.chaos

# Known vulnerabilities of what is pinned, and bills of materials in sbom/; asks api.osv.dev.
audit: $(ENV)
	$(BIN)/python -m deploy.audit

env: $(ENV)

$(ENV): requirements/dev.txt pyproject.toml
	PYTHON=$(PYTHON) TORCH_BACKEND=$(TORCH_BACKEND) deploy/local/environment $(VENV)

# Every table and figure of the paper, some hours on a CPU; DATA is the folder of the corpora.
paper: $(ENV)
	$(BIN)/python -m benchmarks.paper $(DATA)

# Parity, placement, refusal, times and memory on a GPU; without one it says why and exits 3.
bench-gpu: $(ENV)
	$(BIN)/python -m benchmarks.gpu

# The images' pins have the extras in them that a cluster asks for.
pins:
	for extras in build "worker fast otel s3" "trainer fast s3" dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url $$(printf -- '--extra %s ' $$extras) pyproject.toml \
	    -o requirements/$${extras%% *}.txt; done

clean:
	deploy/local/down --purge
	rm -rf $(VENV) .venv-3.* .local .demo site
