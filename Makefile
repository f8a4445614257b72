# Every target makes its own environment, .venv, the first time; it is made again only when pyproject.toml or constraints.txt change.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
TABLES ?= uci_tabular uci_regression posteriors_regression posteriors_density toy_flows image_flows debd autoregressive latent codes long_examples anomalies gan_modes stacked_mnist gan_pictures
RECIPES ?= $(basename $(notdir $(wildcard recipes/*.yaml)))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint docs bench results clean

help:  ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: $(VENV)/.train  ## train two VAEs and a flow on real digits, print the table, draw the pictures
	@$(BIN)/python examples/demo.py --out runs/demo

test: TAGS = -t quick
test: lint docs  ## check style, types and docs, then run the tests, the doctests and the examples
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.dev  ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/.dev  ## build the documentation into docs/_build/html, with what the shorter examples print and draw
	@$(BIN)/sphinx-build -q -W --keep-going $(TAGS) -b html docs docs/_build/html

bench: $(VENV)/.bench $(VENV)/.dev  ## measure the speed beside the peers, into docs/results
	@$(BIN)/python -m tests.benchmarks flows --out docs/results/speed.md
	@$(BIN)/python -m tests.benchmarks autoregressive --out docs/results/speed_autoregressive.md
	@$(BIN)/python -m tests.benchmarks latent --out docs/results/speed_latent.md
	@$(BIN)/python -m tests.benchmarks image_and_continuous_flows --out docs/results/speed_image_and_continuous_flows.md
	@$(BIN)/python -m tests.benchmarks foundations --out docs/results/speed_foundations.md
	@$(BIN)/python -m tests.benchmarks likelihood_free --out docs/results/speed_likelihood_free.md
	@$(BIN)/python -m tests.benchmarks.step_costs --out docs/results/step_costs.md

results: $(VENV)/.train  ## fit and evaluate every recipe (RECIPES="a b" for some), into runs/results; then the tables
	@set -e; for name in $(RECIPES); do \
	  run=runs/results/$$name; \
	  $(BIN)/pyrodgm fit recipes/$$name.yaml --out $$run; \
	  [ -f $$run/evaluation.json ] || $(BIN)/pyrodgm evaluate $$run; \
	done
	@$(BIN)/python -m tests.results.autoregressive_draws --out docs/results/draws
	@for table in $(TABLES); do $(BIN)/python -m tests.results.$$table --out docs/results/$$table.md; done

clean:  ## remove what is built, but for the environment and the runs
	@rm -rf docs/_build docs/generated docs/gallery build dist .pytest_cache .mypy_cache .ruff_cache

# One stamp per extra. An environment whose installation was cut off is thrown away, because a half-written package looks whole to pip.
$(VENV)/.%: pyproject.toml constraints.txt
	@if [ -e $(VENV)/.unfinished ] || [ ! -x $(BIN)/python ]; then \
	  rm -rf $(VENV) && mkdir $(VENV) && touch $(VENV)/.unfinished && $(PYTHON) -m venv $(VENV); fi
	@touch $(VENV)/.unfinished
	@echo "Installing pyrodgm[$*] into $(VENV): a few minutes the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	@rm $(VENV)/.unfinished
	@touch $@ $(if $(filter dev,$*),$(VENV)/.train)
