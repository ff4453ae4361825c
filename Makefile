# Needs make and Python 3.11, 3.12 or 3.13 (Beam's). `make help` lists the targets.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)
BACKEND ?= embedded
PORT ?= 8080
REPEATS ?= yes
BUDGET ?= 100
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test lint format bench-pipeline bench-writes bench-pubsub bench-stores bench-demo bench-ranking bench-functions bench-outage bench-picture bench-tokens eval eval-rows eval-lag eval-parity tune pictures clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.demo  ## Make .venv with the product and its demo

install-dev: $(VENV)/.dev  ## The same with what tests and linters need

demo: $(VENV)/.demo  ## The whole product on this machine: http://127.0.0.1:8080 (BACKEND=emulator, PORT=8080)
	@$(BIN)/evermail demo --backend $(BACKEND) --port $(PORT)

test: $(VENV)/.dev amp-validator  ## All tests (those that need Chromium, Node or gcloud skip without, and say so)
	$(BIN)/python -m pytest $(PYTEST)

lint: $(VENV)/.dev  ## Style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-demo: $(VENV)/.demo  ## Freshness and speed of the local run: at 300 events/s, then as fast as it goes
	$(BIN)/python -m bench.bench_demo

bench-pubsub: $(VENV)/.demo  ## Messages a second of the embedded Pub/Sub
	$(BIN)/python -m bench.bench_pubsub

bench-pipeline: $(VENV)/.demo  ## Events a second of CPU of the job, by step (GROWTH=--growth for a million shoppers)
	$(BIN)/python -m bench.bench_pipeline $(GROWTH)

bench-writes: $(VENV)/.demo  ## Documents written for each event, over the flush interval (REPLAY=rees46.csv)
	$(BIN)/python -m bench.bench_writes --replay $(REPLAY)

bench-ranking: $(VENV)/.demo  ## CPU of an opened email, ranking and all, and how often it calls the store
	$(BIN)/python -m bench.bench_ranking

bench-functions: $(VENV)/.demo  ## Opens a second, latency and cold start of the functions (needs wrk for whole figures)
	$(BIN)/python -m bench.bench_functions

bench-outage: $(VENV)/.demo  ## What opens get while the store is killed, hangs and comes back (needs gcloud's emulator)
	$(BIN)/python -m bench.bench_outage

bench-picture: $(VENV)/.demo  ## CPU of a drawn picture
	$(BIN)/python -m bench.bench_picture

bench-tokens: $(VENV)/.demo  ## Recipients a second that get their tokens, and the memory it takes
	$(BIN)/python -m bench.bench_tokens

bench-stores: $(VENV)/.demo  ## Documents a second of the stores
	$(BIN)/python -m bench.bench_stores

.PHONY: amp-validator
amp-validator: $(VENV)/.dev  # the official AMP validator, where npm is there
	@if command -v npm >/dev/null; then $(BIN)/python -m evermail.campaigns.check.amp_validator.install; \
		else echo "no npm: AMP validator tests will skip"; fi

.PHONY: dataflow-graph flex-metadata flex-template
dataflow-graph: $(VENV)/.demo  ## The job as Dataflow would get it, built offline (ARGS="--output job.json")
	@$(BIN)/python -m pipeline.dataflow.graph $(ARGS)

flex-metadata: $(VENV)/.demo  ## Write flex/metadata.json from the job's options
	@$(BIN)/python -m pipeline.dataflow.metadata > flex/metadata.json.new && mv flex/metadata.json.new flex/metadata.json

# Where the template goes; TAG names the code that is in it
REPOSITORY ?= evermail
TAG ?= $(shell git describe --always --dirty)
IMAGE = $(REGION)-docker.pkg.dev/$(PROJECT)/$(REPOSITORY)/job:$(TAG)
needed = $(foreach name,$(1),$(if $($(name)),,$(error $@ needs $(name): make $@ $(foreach each,$(1),$(each)=...))))

flex-template:  ## Build image and template on Google Cloud; make -n flex-template only shows how (docs/dataflow.md)
	$(call needed,PROJECT REGION BUCKET)gcloud builds submit . --project=$(PROJECT) --region=$(REGION) \
		--config=flex/cloudbuild.yaml --ignore-file=flex/.gcloudignore --substitutions=_IMAGE=$(IMAGE)
	gcloud dataflow flex-template build gs://$(BUCKET)/templates/evermail-$(TAG).json --project=$(PROJECT) \
		--image=$(IMAGE) --sdk-language=PYTHON --metadata-file=flex/metadata.json

# The sets, by folder: bolcom/serenade's; session-rec's sample of RecSys 2015; SR-GNN's split of Diginetica
define data_wanted
eval needs DATA, a folder with public click data that this repository may not hold: make eval DATA=...
  serenade/train.txt and test.txt                       from github.com/bolcom/serenade
  rsc15_100k/yoochoose-clicks-100k_{train_full,test}.txt  from github.com/rn5l/session-rec
  diginetica/train_sessions.txt.gz and test_cases.tsv.gz  the split of github.com/CRIPAC-DIG/SR-GNN, as text
evermail evaluate --help says what such files hold, and how to measure on your own
endef
$(if $(filter eval eval-rows eval-lag eval-parity tune,$(MAKECMDGOALS)),$(if $(DATA),,$(error $(data_wanted))))

evaluate = $(BIN)/evermail evaluate --repeats $(REPEATS)
serenade = --train $(DATA)/serenade/train.txt --format sessions
rsc15 = --train $(DATA)/rsc15_100k/yoochoose-clicks-100k_train_full.txt --format sessions
# Diginetica's lines have no times: they are the first 150 days of CIKM Cup 2016, in order
diginetica = --train $(DATA)/diginetica/train_sessions.txt.gz --days 150
serenade_test = --test $(DATA)/serenade/test.txt
rsc15_test = --test $(DATA)/rsc15_100k/yoochoose-clicks-100k_test.txt
diginetica_test = --test $(DATA)/diginetica/test_cases.tsv.gz --format cases

eval: $(VENV)/.dev  ## Quality of recommendations on public click data (DATA=folder; REPEATS=yes)
	$(evaluate) $(serenade) $(serenade_test)
	$(evaluate) $(rsc15) $(rsc15_test)
	$(evaluate) $(diginetica) $(diginetica_test)

eval-rows: $(VENV)/.dev  ## The same over the neighbours kept in a row (DATA=folder)
	$(evaluate) --rows 10,20,50,100,all $(serenade) $(serenade_test)
	$(evaluate) --rows 10,20,50,100,all $(rsc15) $(rsc15_test)
	$(evaluate) --rows 10,20,50,100,all $(diginetica) $(diginetica_test)

eval-lag: $(VENV)/.dev  ## The same with what is known 0 s to 48 h behind (DATA=folder)
	$(evaluate) --lag 0s,1h,24h,48h $(serenade) $(serenade_test)
	$(evaluate) --lag 0s,1h,24h,48h --chart docs/images/freshness.svg $(rsc15) $(rsc15_test)

eval-parity: $(VENV)/.dev  ## Whether the job, amid copies and disorder, learns the same rows (DATA=folder)
	$(BIN)/python -m bench.parity $(serenade)
	$(BIN)/python -m bench.parity $(rsc15)

tune: $(VENV)/.dev  ## Search better constants on the training data alone (DATA=folder; BUDGET=100)
	$(BIN)/evermail tune --budget $(BUDGET) --sessions 2500 $(serenade) $(rsc15) $(diginetica) --format lines

pictures: $(VENV)/.dev  ## Take the pictures of this README again (needs Chromium)
	$(BIN)/python -m demo.page.photograph --out docs/images

clean:  ## Remove what was made here
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info build dist

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Evermail needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.py requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c requirements.lock -e '.[demo]'
	@touch $@

$(VENV)/.dev: setup.py requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c requirements.lock -e '.[dev]'
	@touch $@ $(VENV)/.demo
