# make compare [ARGS="--preset quick"]   train both frameworks and compare them
# make test                              run the linters, the type checker and the tests
# make bench                             measure step times in pytest-benchmark
# make calibrate                         compare each framework with itself
# make docs                              write the figures of README and docs/ from docs/results
# make fuzz                              read 10,000 malformed data files
# make gates                             every variant's own gate, over seeds and batch sizes
# make kills                             kill runs at random moments, and resume each
# make network-mistakes                  put every known mistake on the ladder of any network
# make correct-pairs                     correct pairs of networks must pass, over seeds, sizes and dtypes
# make ranks                             data-parallel training: proof, cost and kills
# make cluster-cost                     what --cluster local costs a step
# make proofs                            run the tests that take too long for make test, and keep their result
# make soak                              train 20,000 steps: memory and step time must not grow
# make cuda                              make an environment for each framework, with its own CUDA libraries
# make test-cuda                         run the tests that need an NVIDIA card
# make install                           make .venv, which the others do too if it is missing

# The pinned TensorFlow has no package for Python 3.14.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUITABLE)' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
WORKER_NEEDS := numpy msgspec safetensors
INSTALL = @$(or $(PYTHON),false) -c '$(SUITABLE)' 2>/dev/null || { echo "error: Python 3.11, 3.12 or 3.13 is needed,\
	and '$(or $(PYTHON),python3)' is not one. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; }; \
	$(PYTHON) -m tools.install $(@D) --constraint constraints.txt

.PHONY: compare test test-cuda cuda install fuzz bench calibrate gates kills proofs soak network-mistakes correct-pairs ranks cluster-cost docs clean

compare: $(STAMP)
	@$(BIN)/python -m compare.run $(ARGS)

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not proof" $(ARGS)

fuzz: $(STAMP)
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/data/test_fuzz.py $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m pytest tests/bench --benchmark-only $(ARGS)

calibrate: $(STAMP)
	$(BIN)/python -m compare.calibrate $(ARGS)

gates: $(STAMP)
	$(BIN)/python -m tools.gates $(ARGS)

kills: $(STAMP)
	$(BIN)/python -m tools.kills

network-mistakes correct-pairs proofs ranks cluster-cost: $(STAMP)
	$(BIN)/python -m tools.$(subst -,_,$@)

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
cuda: $(STAMP) .venv-tf/.installed .venv-torch/.installed

.venv-tf/.installed: PACKAGES := "tensorflow[and-cuda]"
.venv-torch/.installed: PACKAGES := torch torchvision
.venv-%/.installed: constraints.txt
	$(INSTALL) $(PACKAGES) $(WORKER_NEEDS)
	@touch $@

# One call for all packages: in two calls, the frameworks could get versions that do not fit each other.
$(STAMP): pyproject.toml constraints.txt
	$(INSTALL) --editable ".[tensorflow,torch,cuda,dev]"
	@touch $@

clean:
	rm -rf $(VENV) .venv-tf .venv-torch .venv*.log build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
