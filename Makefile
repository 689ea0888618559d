# make compare [ARGS="--preset quick"]   train both frameworks and compare
# make test                              linters, type checker, tests
# make bench                             step times in pytest-benchmark
# make calibrate                         the harness against itself
# make docs                              README's and docs' figures from docs/results
# make fuzz                              10,000 malformed data files
# make kills                             runs killed at random moments, each taken up again
# make soak                              20,000 steps: memory and step time must stay as they were
# make cuda                              an environment for each framework, with its own CUDA libraries
# make test-cuda                         the tests that need an NVIDIA card

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
WORKER_NEEDS := numpy msgspec safetensors

.PHONY: compare test test-cuda cuda install fuzz bench calibrate kills soak docs clean

# An option given twice counts the second time, so what ARGS names wins over what `make cuda` made.
compare: $(STAMP)
	@$(BIN)/python -m compare.run $(if $(findstring cuda,$(ARGS)),$(CUDA_PYTHONS)) $(ARGS)

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

fuzz: $(STAMP)
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/data/test_fuzz.py $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m pytest tests/bench --benchmark-only $(ARGS)

calibrate: $(STAMP)
	$(BIN)/python -m compare.calibrate $(ARGS)

kills: $(STAMP)
	$(BIN)/python -m tools.kills

soak: $(STAMP)
	$(BIN)/python -m compare.run --seeds 1 --steps 20000 --out runs/soak
	$(BIN)/python -m tools.soak runs/soak

docs: $(STAMP)
	$(BIN)/python -m tools.docs
	$(BIN)/python -m tools.screenshots

test-cuda: $(STAMP)
	$(BIN)/python -m pytest -m cuda -rs $(ARGS)

install: $(STAMP)

# TensorFlow's CUDA 12 wheels and torch's CUDA 13 wheels write different cuDNN and NCCL files to the same paths.
CUDA_PYTHONS = $(foreach framework,tf torch,$(if $(wildcard .venv-$(framework)/.installed),\
	--$(framework)-python .venv-$(framework)/bin/python))

cuda: $(STAMP) .venv-tf/.installed .venv-torch/.installed

.venv-tf/.installed: PACKAGES := "tensorflow[and-cuda]"
.venv-torch/.installed: PACKAGES := torch torchvision
.venv-%/.installed: constraints.txt
	@.venv-$*/bin/python -c '' 2>/dev/null || { rm -rf .venv-$*; $(PYTHON) -m venv .venv-$*; }
	.venv-$*/bin/python -m pip install --quiet --constraint constraints.txt $(PACKAGES) $(WORKER_NEEDS)
	@touch $@

# One pip call for all: apart, the frameworks could settle on versions that do not fit each other.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11. Name a newer one: make PYTHON=python3.11" >&2; exit 2; }
	@$(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[tensorflow,torch,cuda,dev]"
	@touch $@

clean:
	rm -rf $(VENV) .venv-tf .venv-torch build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
