# Everything there is to run. `make test` is what CI runs.
PYTHON ?= python3
SEEDS ?= 20000
EXAMPLES ?= 20000
BIN := .venv/bin
PROCESSES := tests/test_commands.py tests/test_chaos.py tests/test_simulation.py
STORIES := $(addprefix tests/test_,$(addsuffix .py,payment purchase reconcile refusals staff unknown))

.PHONY: install demo chaos exposure redaction mutants test format lint types imports tests stories processes simulation soak fuzz image lock

install: .venv/installed ## make .venv from the hash-pinned requirements

.venv/installed: requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	touch $@

demo: install ## play a purchase: sandbox gateway, sandbox Telegram, the real bot
	$(BIN)/python -m sandbox.demo

chaos: install ## 200 students, every fault, kill -9 every few seconds; 0 violations in 5 minutes
	$(BIN)/python -m sandbox.chaos

exposure: install ## measure how long card messages stay, beside a bot that only deletes
	$(BIN)/python -m benchmarks.exposure

mutants: install ## put defects into copies of the code, each of which a test must catch
	$(BIN)/python -m tests.mutants

test: install ## every check; the simulation computes while the stories mostly wait
	$(MAKE) --no-print-directory -j4 --output-sync=target \
		tests stories processes simulation format lint types imports

format: install
	$(BIN)/ruff format --check --quiet .

lint: install
	$(BIN)/ruff check --quiet .
	$(BIN)/hadolint Dockerfile

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

tests: install
	$(BIN)/python -m pytest -q $(PROCESSES:%=--ignore=%) $(STORIES:%=--ignore=%)

stories: install
	$(BIN)/python -m pytest -q $(STORIES)

processes: install
	$(BIN)/python -m pytest -q $(PROCESSES)

simulation: install
	$(BIN)/python -m tests.simulation --seeds 2000 --jobs 1

soak: install ## play many seeds of the simulation: make soak SEEDS=100000
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

redaction: install ## time what it costs a log line to be cleaned of secrets
	$(BIN)/python -m benchmarks.redaction

fuzz: install ## try what may come in, in many forms: make fuzz EXAMPLES=100000
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q --timeout=0 tests/test_fuzz.py

image: ## do what the Dockerfile does, without Docker, and start what comes out
	sh tests/image.sh

lock: install ## pin what requirements*.in ask for, with hashes and without an index's address
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url requirements.in -o requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url -c requirements.txt requirements-dev.in -o requirements-dev.txt
