# The study by name: `make help` lists everything. Each target sets up what it needs on first use.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PROFILE ?= pocket
PYTHON  ?= python3
VENV    ?= .venv
MARK    ?= not gpu and not download and not cluster
# NO_VENV=1 uses the python that is active (a conda environment made from environment.yml, for example).
ifdef NO_VENV
READY :=
RUN   := python
else
READY := $(VENV)/.ready
RUN   := $(VENV)/bin/python
endif

# What is set on make's command line in UPPER CASE and is not make's own is a parameter of the study.
SWEEP    := $(if $(filter sweep,$(MAKECMDGOALS)),PAIRS SEEDS BUDGETS CPUS RAY)
OWN      := BENCHMARK PROFILE PAIR PYTHON VENV NO_VENV MARK DRY_RUN RUN READY OWN GIVEN SETTINGS OPTIONS LINE WORD SHELL MAKEFLAGS SWEEP $(SWEEP)
GIVEN    := $(foreach v,$(filter-out $(OWN),$(.VARIABLES)),$(if $(filter command,$(firstword $(origin $(v)))),$(v)))
# A variable's value as one word of the shell: nothing in it is expanded, quotes and line breaks stay.
define LINE


endef
WORD      = '$(subst $(LINE),'$$'\n'',$(subst ','\'',$(value $(1))))'
SETTINGS := $(foreach v,$(sort $(GIVEN)),--set $(v)=$(call WORD,$(v)))
OPTIONS   = --profile $(call WORD,PROFILE) $(if $(PAIR),--pair $(PAIR)) $(SETTINGS) $(if $(DRY_RUN),--dry-run)
ALL_CODE := bbi_utils pocket tools benchmarks tests env docs notebooks

.PHONY: help env reproduce sweep verify test lint format refresh pocket lock benchmark site lab clean

help: ## show this list
	@echo "usage: make TARGET [PROFILE=pocket] [PAIR=qwen] [DRY_RUN=1] [ANY_PARAMETER=value ...]"
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo
	@echo "parameters are those at the top of the notebooks and in notebooks/params, for example"
	@echo "  make reproduce PAIR=qwen SEED=1 BUDGETS=[40,80]"
	@echo "  make reproduce PAIR=qwen TEACHER=path/to/teacher STUDENT=path/to/student"
	@echo "  make reproduce PROFILE=paper PAIR=qwen DRY_RUN=1"

env: $(READY) ## set up the environment, once, from env/requirements.lock and env/smol.lock
	@$(RUN) env/check_env.py

$(VENV)/.ready: env/requirements.lock env/smol.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: $(PYTHON) is too old; Python 3.10 or later is needed (make PYTHON=python3.11 ...)" >&2; exit 2; }
	@echo "setting up $(VENV) from env/requirements.lock (once; a few minutes) ..."
	@$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || \
	  { echo "error: $(PYTHON) makes no environment with pip; install its venv (Debian: python3-venv)" >&2; exit 2; }
	@$(VENV)/bin/python -m pip --version >/dev/null || \
	  { echo "error: $(VENV) has no pip and cannot be given one; remove it and run again" >&2; exit 2; }
	@$(VENV)/bin/python env/install.py
	@$(VENV)/bin/python env/check_env.py --imports
	@touch $@

reproduce: $(READY) ## run the study; what has not changed is not run again (DRY_RUN=1: only the plan)
	@$(RUN) -m bbi_utils reproduce $(OPTIONS)

sweep: $(READY) ## the study for PAIRS="qwen llama" SEEDS="0 1" BUDGETS="500 1000", on Ray if installed (RAY=0: not)
	@$(RUN) -m bbi_utils sweep --profile $(call WORD,PROFILE) $(if $(PAIRS)$(PAIR),--pairs $(PAIRS) $(PAIR)) \
	  $(if $(SEEDS),--seeds $(SEEDS)) $(if $(BUDGETS),--budgets $(BUDGETS)) $(if $(CPUS),--cpus $(CPUS)) \
	  $(if $(filter 0,$(RAY)),--no-ray) $(if $(filter 1,$(RAY)),--ray) $(SETTINGS) $(if $(DRY_RUN),--dry-run)

verify: $(READY) ## compare the last run's numbers with those kept in figures/PROFILE
	@$(RUN) -m bbi_utils verify --profile $(call WORD,PROFILE) $(if $(RUN_DIR),--run-dir $(call WORD,RUN_DIR))

test: $(READY) ## run the tests (MARK=gpu, download or cluster for those that need one)
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -rs -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m '$(MARK)'

lint: $(READY) ## check style, types and which room imports which, notebooks included
	@$(RUN) -m ruff check $(wildcard $(ALL_CODE))
	@$(RUN) -m ruff format --check $(wildcard $(ALL_CODE))
	@$(RUN) -m mypy
	@$(RUN) -c 'from importlinter.cli import lint_imports_command as check; check()' --no-logo --no-cache

format: $(READY) ## bring the code into the style that lint checks
	@$(RUN) -m ruff check --fix $(wildcard $(ALL_CODE))
	@$(RUN) -m ruff format $(wildcard $(ALL_CODE))

refresh: $(READY) ## put the last run's figures into figures/PROFILE, a pocket run's outputs into the notebooks
	@$(RUN) -m tools.refresh --profile $(call WORD,PROFILE) $(if $(RUN_DIR),--run-dir $(call WORD,RUN_DIR))

pocket: $(READY) ## rebuild the pocket models from scratch (two cores, up to two hours)
	@$(RUN) -m pocket.build qwen & qwen=$$!; \
	 $(RUN) -m pocket.build llama & llama=$$!; \
	 trap 'kill $$qwen $$llama 2>/dev/null' INT TERM; wait $$qwen && wait $$llama

lock: $(READY) ## write env/requirements.lock anew from env/requirements.in (needs uv)
	@env/lock.sh

benchmark: $(READY) ## measure error rates and peers (some hours on two cores; BENCHMARK=coverage: one)
	@$(RUN) -m pip install --quiet --no-deps -r benchmarks/peers.txt
	@$(RUN) -m benchmarks $(BENCHMARK)

site: $(READY) ## build the pages in docs/_build/html from notebooks and docs/ (a minute; Python 3.11)
	@$(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: the site needs Python 3.11 or later (make site VENV=.venv311 PYTHON=python3.11)" >&2; exit 2; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps -r docs/requirements.txt
	@rm -rf docs/_build/html
	@$(RUN) -m sphinx -b html -c docs -d docs/_build/pages --fail-on-warning --keep-going --quiet . docs/_build/html
	@echo "the site is in docs/_build/html; open docs/_build/html/index.html"

lab: $(READY) ## open the notebooks in JupyterLab
	@$(RUN) -m jupyterlab --ServerApp.root_dir=. notebooks/00_start_here.ipynb

clean: ## remove the runs and caches (not the environment)
	@rm -rf runs docs/_build docs/api .pytest_cache .mypy_cache .ruff_cache *.egg-info build
	@find bbi_utils pocket tools tests notebooks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
