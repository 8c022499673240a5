# Each target does all of its own set-up on a fresh machine with Python >= 3.11.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test check fix migrations shell bench lock assets pictures clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.run: requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Reverie needs Python 3.11 or newer: make run PYTHON=python3.12, say.")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.run  ## set up, migrate, seed, and start web + worker + scheduler
	@$(BIN)/python manage.py up --sample

test: $(VENV)/.dev  ## all checks and the whole suite, on SQLite and on PostgreSQL + Redis
	@$(BIN)/python -m tests.machine
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m tests.run

check: $(VENV)/.dev  ## lint, format, Django's own checks, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

fix: $(VENV)/.dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

migrations: $(VENV)/.dev  ## write the migrations the models ask for
	$(BIN)/python manage.py makemigrations console memory agent_sessions dreaming

shell: $(VENV)/.run  ## a Python shell with the models imported
	$(BIN)/python manage.py shell

bench: $(VENV)/.dev  ## measure; ratios within one run
	$(BIN)/python -m tests.bench

lock: $(VENV)/.dev  ## pin every dependency anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock

assets:  ## rebuild static/vendor from the npm packages in package.json (needs Node.js)
	npm ci --ignore-scripts
	node static/build.mjs

pictures: $(VENV)/.dev  ## take the README's screenshots anew, from the story test
	PICTURES=var/pictures $(BIN)/python -m pytest -q tests/test_story.py
	cp var/pictures/review.png var/pictures/session.png static/readme/

clean:  ## remove the virtualenv and caches; never the data in var/
	rm -rf $(VENV) node_modules staticfiles .pytest_cache .ruff_cache
