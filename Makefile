# On a fresh machine with Python 3.10 or newer: `make demo`, `make test` and `make docs`.

PYTHON ?= python3
VENV ?= .venv
FRAMES ?= 400
TRAIN ?= 300
EPOCHS ?= 6
DEMO_DATA ?= data/rooms
DEMO_WORK ?= work_dirs/demo/rooms_rgb_from_depth
JOBS ?= 2

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint docs clean

demo: $(INSTALLED)  ## Generate rooms, train a depth teacher, distil it into an RGB student, show the result
	$(BIN)/python tools/prepare_data.py rooms --out $(DEMO_DATA) --frames $(FRAMES) --train $(TRAIN)
	$(BIN)/python tools/train.py configs/demo/rooms_rgb_from_depth.py \
		--data-root $(DEMO_DATA) --epochs $(EPOCHS) --work-dir $(DEMO_WORK)
	@echo "Open $(DEMO_WORK)/predictions.png to see what the student sees."

test: $(INSTALLED)  ## Run the test suite in JOBS processes of one thread and about 1.5 GB each
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

lint: $(INSTALLED)  ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(INSTALLED)  ## Build the documentation, which then starts at site/index.html
	$(BIN)/mkdocs build --strict

clean:  ## Remove the virtual environment, the demo's data and all runs
	rm -rf $(VENV) data/rooms data/digits work_dirs site

$(INSTALLED): setup.py requirements/runtime.txt requirements/tests.txt requirements/optional.txt
	$(PYTHON) -c 'import sys; sys.exit("fdkd needs Python 3.10 or newer" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar on -e '.[tests,optional]'
	touch $@
