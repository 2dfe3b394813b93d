PYTHON ?= python3
ARGS ?=

.PHONY: run test check bench chaos screenshots build dev

run:
	./scripts/run

test: .venv/.dev
	scripts/system-packages test
	.venv/bin/pytest -n 2 --dist loadgroup --ignore tests/bench --ignore tests/chaos $(ARGS)

check: .venv/.dev
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -q tests/unit/test_layout.py

bench: .venv/.bench
	scripts/system-packages bench
	.venv/bin/python -m tests.bench $(ARGS)

chaos: .venv/.dev
	scripts/system-packages test
	.venv/bin/pytest tests/chaos $(ARGS)

# Pictures in docs/ of the dashboard as it is now.
screenshots: .venv/.dev
	scripts/system-packages test
	.venv/bin/pytest tests/browser/test_screenshots.py --screenshots docs/screenshots $(ARGS)

# A stale build/ would put deleted files into the wheel.
build: .venv/.dev
	rm -rf build
	.venv/bin/python -m build

dev: .venv/.dev
	[ ! -e .git ] || .venv/bin/pre-commit install

.venv/bin/pip:
	scripts/system-packages run
	$(PYTHON) -m venv .venv

# The stamps .venv/.run, .venv/.dev and .venv/.bench tell that the project is installed, for what,
# and with the dependencies that these two files name.
.venv/.run: pyproject.toml setup.py | .venv/bin/pip
	.venv/bin/pip install -q -e .
	touch $@

.venv/.%: pyproject.toml setup.py | .venv/bin/pip
	.venv/bin/pip install -q -e '.[$*]'
	touch .venv/.run $@
