# make compare [ARGS="--preset quick"]   train both frameworks and compare
# make test                              linters, type checker, tests
# make bench                             step times in pytest-benchmark
# make calibrate                         the harness against itself
# make docs                              README's and docs' figures from docs/results
# make fuzz                              10,000 malformed data files

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: compare test install fuzz bench calibrate docs clean

compare: $(STAMP)
	@$(BIN)/python -m compare.run $(ARGS)

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

fuzz: $(STAMP)
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/data/test_fuzz.py $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m pytest tests/bench --benchmark-only $(ARGS)

calibrate: $(STAMP)
	$(BIN)/python -m compare.calibrate $(ARGS)

docs: $(STAMP)
	$(BIN)/python -m compare.rendering.docs

install: $(STAMP)

# One pip call for all: apart, the frameworks could settle on versions that do not fit each other.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11. Name a newer one: make PYTHON=python3.11" >&2; exit 2; }
	@$(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[tensorflow,torch,dev]"
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
