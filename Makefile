# make lab: learn. make run: run the whole course. make test: prove it. Each sets up what it needs, in .venv.
BIN := .venv/bin
# Named, .venv is made, or made anew, with it; so it is where the Python of .venv has gone.
PYTHON ?= $(shell test -e .venv/.ready && $(BIN)/python -c "" 2>/dev/null && echo $(BIN)/python || echo python3)
unexport PYTHONDONTWRITEBYTECODE  # without bytecode, importing TensorFlow takes four times as long

.PHONY: lab run test book lesson lock setup

lab: setup
	@$(BIN)/course lab

run: setup
	@$(BIN)/course run

test: setup
	@$(BIN)/python -m tests

book: setup  # the course as a site, in site/: from what is stored, nothing is run
	@$(BIN)/course book

lesson: setup  # make lesson N=05: measure its claims over thirty seeds and build its notebooks
	@$(BIN)/course measure $(N)
	@$(BIN)/course build $(N)

lock: setup  # exact versions of everything, with hashes, for every system
	@$(BIN)/uv pip compile pyproject.toml --extra test --extra book --universal --python-version 3.11 --generate-hashes \
	  --no-header --quiet --upgrade --output-file requirements.lock

setup:  # make setup EXTRAS="browser jax torch": as well what some tests need
	@$(PYTHON) bootstrap.py $(EXTRAS)
