# One virtual environment, two stamps: `.venv/runtime` for what the services need, `.venv/dev` for what tests add.
# pip runs only when a lock file is newer than its stamp.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
STEPS ?= 100000
SEED ?= 1
FAULTS ?= 200
FAST := not (postgres or kafka or browser or spin)

.DEFAULT_GOAL := help
.PHONY: help run demo up down test check stories bench bench-peers soak chaos provision lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/runtime ## serve the sample province on http://127.0.0.1:8000
	$(BIN)/imbang run --demo

demo: .venv/runtime ## tell the main job, headless, in under a minute
	$(BIN)/imbang demo

up: .venv/runtime provision ## start the distributed mode: PostgreSQL, Kafka, several instances, a reverse proxy
	$(BIN)/imbang up

down: .venv/runtime ## stop the distributed mode
	$(BIN)/imbang down

test: .venv/dev provision ## the whole suite, on real PostgreSQL, Kafka and Chromium
	$(BIN)/pytest

check: .venv/dev ## lint, types and fast tests, in about a minute
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest -m "$(FAST)" --ignore=tests/scenarios --ignore=tests/simulation

stories: .venv/dev provision ## the acceptance stories in a real browser, with film strips in var/stories
	@$(BIN)/python -m tests.browser.stories

soak: .venv/dev ## simulate STEPS random steps from SEED under every fault; exits non-zero when a promise broke
	$(BIN)/python -m tests.simulation.soak --steps=$(STEPS) --seed=$(SEED)

chaos: .venv/dev provision ## a cluster under load, struck by FAULTS real faults from SEED; exits non-zero when a promise broke
	@$(BIN)/python -m tests.chaos.run --faults=$(FAULTS) --seed=$(SEED)

bench: .venv/dev provision ## measure every area against its goals, on its own servers; writes bench.json and bench.svg
	@for area in engine kafka http growth rebuild memory idle reaction drive; do echo; echo "$$area"; $(BIN)/imbang bench $$area; done

bench-peers: .venv/dev provision ## measure it against other durable engines, each in an environment under var/peers
	@$(BIN)/imbang bench peers

provision: ## install what the machine lacks: Debian packages (as root), the jars of Kafka (by Maven)
	@$(PYTHON) -m deploy.provision

lock: .venv/dev ## write requirements*.txt from requirements*.in, keeping pins that still fit
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet requirements.in
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet requirements-dev.in

.venv/dev: .venv/runtime requirements-dev.txt
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

.venv/runtime: requirements.txt pyproject.toml | $(BIN)/pip
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Imbang needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m deploy.provision venv
	$(PYTHON) -m venv .venv
