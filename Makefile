# Two commands do everything, set-up included: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test bench clean

$(VENV)/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

.venv-bench/.ready: pyproject.toml
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	touch $@

demo: $(VENV)/.ready
	$(BIN)/python -m examples.demo

test: $(VENV)/.ready
	$(BIN)/ruff check celadon tests examples benchmarks
	$(BIN)/mypy
	$(BIN)/python -m pytest

bench: .venv-bench/.ready
	.venv-bench/bin/python -m benchmarks.run

clean:
	rm -rf $(VENV) .venv-bench build *.egg-info .mypy_cache .ruff_cache
