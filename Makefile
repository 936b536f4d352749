# Every command sets up what it needs and is quick when nothing changed.
PYTHON ?= python3
SETUP  := $(PYTHON) local/bootstrap.py
RUN    := .venv/bin/python

# Where bytecode may not be kept, each of a hundred processes compiles what it imports, pytest all of its plugins.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo check test test-apis bench cost lint format build lock docs clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | column -t -s '|'

demo: ## Run the whole system on this machine: make demo [BATCH_SIZE=20] [FAILED=47] [SHOW=redrive or outage] [KEEP=1]
	@$(SETUP) local runtime terraform
	@$(RUN) -m local.demo $(if $(BATCH_SIZE),--batch-size='$(BATCH_SIZE)') $(if $(FAILED),--failed='$(FAILED)') $(if $(SHOW),--show='$(SHOW)') $(if $(filter-out 0,$(KEEP)),--keep)

check: ## Try a plan's settings against your API: make check PLAN=plan.json [MODULE=module.redrive] [STRICT=1]
	@$(if $(PLAN),,echo "PLAN is missing: write one with terraform plan -out=plan && terraform show -json plan > plan.json" >&2; exit 2)
	@$(SETUP) dev
	@$(if $(filter-out 0 1,$(STRICT)),echo "STRICT must be 0 or 1; it is '$(STRICT)'" >&2; exit 2)
	@$(RUN) -m local.check $(if $(MODULE),--module='$(MODULE)') $(if $(filter 1,$(STRICT)),--strict) '$(PLAN)'

test: ## Run every test: make test [ARGS="tests/unit -k pagination"]
	@$(SETUP) dev runtime terraform browser
	@$(RUN) -m pytest $(ARGS)

test-apis: ## Read every framework and shape of docs/apis.md, and many more lists made at random
	@$(SETUP) dev terraform
	@HYPOTHESIS_PROFILE=thorough $(RUN) -m pytest -m "" tests/apis tests/unit/test_listing_fuzz.py $(ARGS)

bench: ## Measure how fast, how small and how cheap it is: make bench [QUICK=1 or FULL=1]
	@$(SETUP) dev runtime terraform
	@$(if $(filter-out 0 1,$(QUICK)),echo "QUICK must be 0 or 1; it is '$(QUICK)'" >&2; exit 2)
	@$(if $(filter-out 0 1,$(FULL)),echo "FULL must be 0 or 1; it is '$(FULL)'" >&2; exit 2)
	@$(RUN) -m bench $(if $(filter-out 0,$(QUICK)),--quick) $(if $(filter-out 0,$(FULL)),--full)
	@$(if $(filter-out 0,$(QUICK)),,$(RUN) docs/generate.py) # the documents' costs are made of what was counted

cost: ## What it costs: make cost FAILED=1000000 [BATCH_SIZE=20] [API_MS=200] [RETRY_RATE=0.02]
	@$(SETUP) dev
	@$(RUN) -m bench.cost $(if $(FAILED),--failed='$(FAILED)') $(if $(BATCH_SIZE),--batch-size='$(BATCH_SIZE)') $(if $(API_MS),--api-ms='$(API_MS)') $(if $(RETRY_RATE),--retry-rate='$(RETRY_RATE)')

lint: ## Check style, types, Terraform and security rules
	@$(SETUP) dev terraform checkov
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) -m local.terraform fmt -check -recursive
	$(RUN) -m local.terraform validate-all
	$(RUN) docs/generate.py --check
	.venv-checkov/bin/checkov --config-file .checkov.yaml

format: ## Rewrite Python and Terraform in the project's style
	@$(SETUP) dev terraform
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .
	$(RUN) -m local.terraform fmt -recursive

build: ## Rebuild the packages in dist/
	@$(SETUP) dev
	$(RUN) build.py

docs: ## Write the inputs, outputs, costs and the drawing into the documents
	@$(SETUP) dev
	$(RUN) docs/generate.py

lock: ## Pin the newest versions, with hashes, in requirements/*.txt (needs uv on the PATH)
	cd requirements && for set in layer local dev runtime checkov terraform terraform-oldest; do \
	  uv pip compile --universal --upgrade --python-version 3.11 --generate-hashes --quiet --custom-compile-command "make lock" $$set.in -o $$set.txt; done
	cd requirements && for set in emulator provider; do \
	  uv pip compile --universal --upgrade --no-deps --python-version 3.11 --generate-hashes --quiet --custom-compile-command "make lock" $$set.in -o $$set.txt; done
	for set in tests/apis/environments/*.in tests/iam/environment/*.in; do \
	  uv pip compile --universal --upgrade --python-version 3.11 --generate-hashes --quiet --custom-compile-command "make lock" $$set -o $${set%.in}.txt; done

clean: ## Remove environments, caches and what runs left behind
	rm -rf .venv .venv-* .local .build .*_cache .hypothesis
