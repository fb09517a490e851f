# Two commands, each doing all of its own set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLES := $(wildcard examples/*/pyproject.toml)
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

# One thread: with more, small matrix products on a shared machine can be twenty times slower.
export OMP_NUM_THREADS ?= 1

# Tests of one file stay in one process, so that what they share is made once.
TEST_PROCESSES ?= 2

.PHONY: demo test lint docs bench bench-large bench-processes paper clean

demo: $(VENV)/.demo
	$(BIN)/lc sample melody/evening_song --out runs/demo
	@echo "open runs/demo/report.html in a browser; MIDI, sound and piano rolls are in runs/demo/outputs"

test: $(VENV)/.test lint
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(BIN)/python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "open build/site/index.html in a browser"

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.bench

# A million outputs by the sampler: most of a day on one core.
bench-large: $(VENV)/.bench
	$(BIN)/python -m benchmarks.bench --only outputs --size large --out runs/bench-large

# By a watch, so on a machine that does nothing else: one process and two, ranks, Ray.
bench-processes: $(VENV)/.bench
	$(BIN)/python -m benchmarks.bench --only processes --limit 3600 --out runs/bench-processes

paper: $(VENV)/.test
	$(BIN)/python -m benchmarks.paper

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/pip pyproject.toml constraints.txt
	$(INSTALL) torch
	$(INSTALL) --editable ".[melody]"
	touch $@

$(VENV)/.test: $(BIN)/pip pyproject.toml constraints.txt $(EXAMPLES)
	$(INSTALL) torch
	$(INSTALL) --editable ".[dev]" $(EXAMPLES:%/pyproject.toml=--editable %)
	touch $@

$(VENV)/.bench: $(VENV)/.test
	$(INSTALL) --editable ".[bench]" || echo "without pycma and ribs: the figures name what is missing"
	touch $@

$(VENV)/.docs: $(BIN)/pip pyproject.toml constraints.txt
	$(INSTALL) torch
	$(INSTALL) --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) runs build .pytest_cache .mypy_cache .ruff_cache
