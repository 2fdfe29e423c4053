# BIN: folder of the tools, with its slash; `make BIN= check` takes those on PATH.
BIN ?= .venv/bin/
MARKS = -m "not gpu and not long"

.PHONY: check fix test long coverage bench

check: ## what a change must pass, and what CI runs
	BIN=$(BIN) .ci/checks
	$(BIN)pytest -n 2 --dist worksteal $(MARKS)

fix: ## repair what can be repaired
	$(BIN)ruff check --fix .
	$(BIN)ruff format .
	$(BIN)cog -r README.md docs/*.md
	$(BIN)python screenshots/redraw.py

test:
	$(BIN)pytest -n 2 --dist worksteal $(MARKS)

long: ## the long sizes, one at a time; over an hour
	$(BIN)pytest -m "long and not gpu"

coverage:
	$(BIN)coverage erase
	$(BIN)coverage run -m pytest -m "not gpu and not long"
	$(BIN)coverage combine -q
	$(BIN)coverage report

bench: ## the figures of docs/performance.md
	$(BIN)python -m tests.benchmarks
