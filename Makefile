# Everything runs in .venv, with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint bench reproduce-standin clean

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/installed  ## Install, and compare early and late fusion on a demo data set
	$(BIN)/earmark demo

test: .venv/installed lint  ## Install, check style, types and structure, and run all tests
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/installed  ## Check style, types and the order of the rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/installed  ## Measure what the documentation claims, and render docs/benchmarks.md
	$(BIN)/python benchmarks/extraction.py  # needs ESC-10, see the script
	$(BIN)/python benchmarks/cross_validation.py
	$(BIN)/python benchmarks/dense_nets.py
	$(BIN)/python benchmarks/main_job.py  # needs ESC-10 and CWRU, see the script
	$(BIN)/python benchmarks/render.py

reproduce-standin: .venv/installed  ## Run the design of the paper on synthetic tasks, all three experiments
	$(BIN)/earmark reproduce eusipco2020 --standin -o standin

clean:  ## Remove the environment and what tests left
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
