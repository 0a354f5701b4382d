# Two commands do everything, set-up included: make demo, make test. `make help` lists the others.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := celadon tests examples benchmarks
# What needs servers, browsers or libraries besides has a target of its own: make test-integration.
INTEGRATION := --ignore=tests/integration

.DEFAULT_GOAL := help
.PHONY: help demo format check check-types dist test-release changelog sbom api-check test-oldest docs test-downstream test test-suite test-pythons test-fast test-shuffle \
  test-poll test-soak test-bulk-scale test-bulk-signals test-corpora test-flood bench-crowd test-parity test-stdlib test-stdlib-names test-cluster test-integration test-peers fuzz \
  fuzz-codec bench bench-hub bench-bulk manuals plot bench-scrapy bench-requests bench-http bench-instructions bench-proxy clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml setup.py $(wildcard celadon/*/accel/*.c)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q celadon
	touch $@

# One environment for each Python: make bench PYTHON=python3.13
BENCH = .venv-bench-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.venv-bench-%/.ready: pyproject.toml setup.py $(wildcard celadon/*/accel/*.c)
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	touch $@

# The requirements alone, a few seconds from a filled cache; the development environment is used if it is there.
.venv-demo/.ready: setup.py
	@echo "make demo: an environment with greenlet, pycares and dnspython (once, .venv-demo) ..."
	test -x .venv-demo/bin/python || $(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

DEMO = $(if $(wildcard $(VENV)/.ready),$(VENV),.venv-demo)
demo: $(DEMO)/.ready ## Crawl on loopback with unchanged urllib, unpatched and with three engines; HTML=demo.html: a plot
	@$(DEMO)/bin/python -m examples.demo $(if $(HTML),--html $(HTML))

format: $(VENV)/.ready ## Format the sources, and mend what ruff can mend
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

check: $(VENV)/.ready ## Format, lint and types, in seconds
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

.venv-types/.ready: pyproject.toml
	test -x .venv-types/bin/python || $(PYTHON) -m venv .venv-types
	.venv-types/bin/python -m pip install --quiet --disable-pip-version-check '.[types,serve,idna,doh,doq]'
	touch $@

# pyright reads what is installed, so it is installed anew, as a user has it.
check-types: .venv-types/.ready ## Every public name of hub, resolver and green has its types (pyright --verifytypes)
	.venv-types/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	status=0; for part in hub resolver green; do \
	  (cd .venv-types && PATH="$$PWD/bin:$$PATH" pyright --verifytypes celadon.$$part --ignoreexternal) > .venv-types/$$part.txt \
	    || { status=1; grep -A3 error: .venv-types/$$part.txt; }; \
	  echo "celadon.$$part: $$(grep score .venv-types/$$part.txt)"; \
	done; exit $$status

test: check test-suite ## Everything that needs only Python and packages: about eight minutes on two cores

# What takes more than a few seconds, or starts processes by the dozen, is left out.
SLOW := $(addprefix --ignore=tests/,stdlib test_demo.py test_docs.py test_crawler.py \
  green/patching/test_patch_all.py green/files/test_open_file.py green/test_threads.py green/servers/wsgi green/servers/test_http_examples.py \
  hub/loop/test_pollers.py hub/loop/test_other_threads.py resolver/adapters resolver/cli/bulk resolver/engines/python \
  resolver/test_parity.py resolver/test_requirements.py resolver/test_hostile.py resolver/test_hot_swap.py \
  resolver/test_peers.py resolver/dns/test_wire.py)
test-fast: $(VENV)/.ready ## The tests that take less than a minute together
	$(BIN)/python -m pytest $(INTEGRATION) $(SLOW)

# The tests on each of these Pythons that is installed (by pyenv or on PATH), each in an environment of its own.
PYTHONS ?= $(foreach version,3.11 3.12 3.13,$(firstword \
  $(wildcard $(HOME)/.pyenv/versions/$(version).*/bin/python$(version)) $(shell command -v python$(version))))

test-suite: $(VENV)/.ready ## The tests of `make test`, without format, lint and types
	$(BIN)/python -m pytest $(INTEGRATION)

test-pythons: ## The tests on each installed Python of 3.11, 3.12 and 3.13
	@test -n "$(strip $(PYTHONS))" || { echo "test-pythons: no Python 3.11, 3.12 or 3.13 is installed: give one, as PYTHONS=/usr/bin/python3" >&2; exit 1; }
	@failed=; for python in $(PYTHONS); do \
	  version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); echo "== $$python"; \
	  $(MAKE) --no-print-directory test-suite VENV=.venv-$$version PYTHON=$$python || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "test-pythons: failed on Python$$failed" >&2; exit 1; }

# The whole suite, with what is ready run in a random order; a failing seed fails again: make test-shuffle SEED=3
SEED ?= $(shell date +%s)
test-shuffle: $(VENV)/.ready ## The whole suite, ready work in random order; SEED=3 repeats a run
	@echo "make test-shuffle SEED=$(SEED)"
	CELADON_SHUFFLE=$(SEED) $(BIN)/python -m pytest $(INTEGRATION)

# The hub's tests on each poller that this system has besides the best one.
test-poll: $(VENV)/.ready ## The hub's tests on each poller that this system has besides the best one
	CELADON_POLLER=poll $(BIN)/python -m pytest tests/hub
	CELADON_POLLER=select $(BIN)/python -m pytest tests/hub

# Random things done to the hub, then to a patched program, checked against a model; SEED=7/41 is one round of SEED=7.
SECONDS ?= 60
test-soak: $(VENV)/.ready ## Random things done to the hub and to a patched program; SECONDS=60 for each
	$(BIN)/python -m tests.hub.soak --seconds $(SECONDS) --seed $(SEED)
	$(BIN)/python -m tests.green.soak --seconds $(SECONDS) --seed $(SEED)
	$(BIN)/python -m tests.resolver.flood

.venv-integration/.ready: pyproject.toml
	test -x .venv-integration/bin/python || $(PYTHON) -m venv .venv-integration
	.venv-integration/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,integration,integrations,loops]'
	touch $@

.venv-cluster/.ready: pyproject.toml
	test -x .venv-cluster/bin/python || $(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dask]' pytest pytest-timeout
	.venv-cluster/bin/python -m pip install --quiet --disable-pip-version-check ray || echo "test-cluster: without Ray" >&2
	touch $@

# Dask clusters on loopback, of which workers, the scheduler, the coordinator and the disk fail; Ray where it installs.
CLUSTER_NAMES ?= 1000000
test-cluster: .venv-cluster/.ready ## resolve bulk on Dask and Ray clusters that fail: CLUSTER_NAMES=1000000 names each
	CLUSTER_NAMES=$(CLUSTER_NAMES) .venv-cluster/bin/python -m pytest tests/integration/test_cluster.py tests/integration/test_two_machines.py

.PHONY: bench-cluster
bench-cluster: .venv-cluster/.ready ## Two workers of a Dask cluster here beside -P 2, and what a shard costs
	.venv-cluster/bin/python -m benchmarks.cluster

.venv-niquests/.ready: pyproject.toml
	test -x .venv-niquests/bin/python || $(PYTHON) -m venv .venv-niquests
	.venv-niquests/bin/python -m pip install --quiet --disable-pip-version-check -e '.[niquests]' pytest pytest-timeout
	touch $@

# What `make test` skips: the adapters of Scrapy, Twisted, pycurl and niquests; libraries as they are under patch_all,
# against PostgreSQL, Redis, MariaDB, NSD and Knot, which apt-get installs where they are missing and we are root.
test-integration: .venv-integration/.ready .venv-niquests/.ready ## Real servers and libraries, installed by apt-get and pip where we are root
	.venv-integration/bin/python -m tests.integration.servers
	.venv-integration/bin/python -m pytest tests/resolver/adapters tests/resolver/aio tests/integration
	.venv-niquests/bin/python -m pytest tests/resolver/adapters/test_niquests.py

# One environment for each Python, never committed: make test-peers PYTHON=python3.13
PEERS = .venv-peers-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.venv-peers-%/.ready: pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[serve,peers]' pytest pytest-timeout
	touch $@

# gevent's own tests from its wheel, by gevent and by us through the facade; then programs written for it, unmodified.
test-peers: ## The peers' own tests, and programs written for them, through celadon.compat: three quarters of an hour
	$(MAKE) $(PEERS)/.ready
	status=0; $(PEERS)/bin/python -m tests.peers.run gevent --table .peers/gevent.md || status=1; \
	$(PEERS)/bin/python -m tests.peers.run eventlet --table .peers/eventlet.md || status=1; \
	$(PEERS)/bin/python -m pytest tests/integration/test_gevent_programs.py tests/integration/test_as_eventlet.py || status=1; exit $$status

bench: ## Time beside gevent, eventlet, asyncio and uvloop; PYTHON= chooses another Python
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.run
	$(BENCH)/bin/python -m benchmarks.cost
	$(BENCH)/bin/python -m benchmarks.echo
	$(BENCH)/bin/python -m benchmarks.instructions

bench-instructions: ## Instructions for one lookup, switch, ...: the same on a busy machine; needs valgrind and nsd
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.instructions

.PHONY: bench-aio test-aiodns
bench-aio: ## celadon.resolver.aio beside aiodns, on asyncio and uvloop: lookups for a CPU second; needs nsd
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.aio

test-aiodns: ## aiodns' own tests by aiodns and by celadon.resolver.aio.aiodns; needs root
	$(MAKE) $(PEERS)/.ready
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check "aiodns==4.0.4" uvloop pytest-asyncio
	$(PEERS)/bin/python -m tests.peers.aiodns_suite

# The table of the hub alone, without lookups and sockets; ROUNDS=1 for a first look.
ROUNDS ?= 3
bench-hub: ## The table of the hub alone; ROUNDS=1 for a first look
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.run --parts time,parked,asleep --rounds $(ROUNDS)
	$(BENCH)/bin/python -m benchmarks.cost

manuals: $(VENV)/.ready ## The manual pages and completions under share/, which the wheel installs
	$(BIN)/python -m docs.make.manuals

# No measuring: the figures are copied from what the benchmarks print, with their date.
plot: ## The plots and the table of README.md from benchmarks/figures.json
	$(PYTHON) -m benchmarks.plot

# A broad crawl of 20,000 hosts by Scrapy, its resolvers against ours, without and with loss: needs root, takes minutes.
bench-scrapy: .venv-integration/.ready ## A broad crawl of 20,000 hosts by Scrapy: needs root, takes minutes
	.venv-integration/bin/python -m benchmarks.crawl_scrapy

# resolve bulk stopped at random moments by INT, TERM, HUP and KILL, and resumed: RUNS=500 takes a quarter of an hour.
RUNS ?= 100
test-bulk-signals: $(VENV)/.ready ## resolve bulk, stopped by signals at random moments and resumed; RUNS=100
	$(BIN)/python -m benchmarks.bulk_signals --runs $(RUNS)

# Packets that others collected: CORPORA names a folder with c-ares/, unbound/ and knot/; what is missing is skipped.
test-corpora: $(VENV)/.ready ## Public packet corpora through the decoders (CORPORA=folder): worst ms/KB and stall
	$(BIN)/python -m tests.resolver.corpora

test-flood: $(VENV)/.ready ## A forger who knows the port sends all ids while the right answer is late
	$(BIN)/python -m tests.resolver.flood

bench-crowd: $(VENV)/.ready ## 100,000 lookups at once: what is lost, memory, how late a timer is beside them
	$(BIN)/python -m benchmarks.crowd

# Exactly one right record for each of a million names, through loss, death, stops and several processes; and memory.
test-bulk-scale: $(VENV)/.ready ## One right record for each of a million names, through loss and stops
	$(BIN)/python -m benchmarks.bulk_proof

# Nested, aliased and lying wildcards; the memory of a quarter of the names beside that of all.
.PHONY: test-wildcards
test-wildcards: $(VENV)/.ready ## 200,000 candidates under wildcards: none kept or dropped wrongly; memory flat
	$(BIN)/python -m benchmarks.wildcard_proof

# A million names to JSON, beside massdns (MASSDNS=its binary), aiodns, gevent, dnspython; needs nsd and dnsperf.
bench-bulk: ## A million names beside massdns (MASSDNS=its binary), aiodns, gevent; needs nsd, dnsperf
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.bulk --rounds 2

# requests over 5,000 hosts with 500 greenlets of ours, of gevent, and threads: needs root.
bench-requests: ## requests over 5,000 hosts with 500 greenlets: needs root
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.crawl_requests

# The HTTP server beside gevent.pywsgi, eventlet.wsgi, gunicorn, waitress and cheroot; needs wrk, and valgrind for one table.
SECONDS_EACH ?= 10
PARTS ?= load,instructions,idle,stream
bench-proxy: $(VENV)/.ready ## celadon proxy beside tinyproxy, 500 tunnels at once; needs tinyproxy
	$(BIN)/python -m benchmarks.proxy

bench-http: ## The HTTP server beside its peers, and the table of parsers; needs wrk and valgrind
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.http --seconds $(SECONDS_EACH) --parts $(PARTS)
	$(BENCH)/bin/python -m benchmarks.http_parsers

# Thousands of calls of libc and of every engine in private worlds: needs root, takes minutes.
test-parity: $(VENV)/.ready ## Every engine against libc in private worlds: needs root, takes minutes
	PARITY_COUNT=400 PARITY_SEEDS=2 PARITY_DRAWN=100 $(BIN)/python -m pytest tests/resolver/test_parity.py

# CPython's own tests under patch_all, beside the same unpatched; takes about half an hour for each Python, of which a
# second one is taken where it is present. What looks names up is run with each resolver engine as well.
OTHER_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3) $(shell command -v python3.13))

test-stdlib: $(VENV)/.ready ## CPython's own tests under patch_all: about half an hour for each Python
	status=0; for engine in ares python thread; do \
	  $(BIN)/python -m tests.stdlib.run --names --engine $$engine || status=1; done; \
	$(BIN)/python -m tests.stdlib.run || status=1; \
	if [ -n "$(OTHER_PYTHON)" ]; then \
	  test -x .venv-other/bin/python || $(OTHER_PYTHON) -m venv .venv-other; \
	  .venv-other/bin/python -m pip install --quiet --disable-pip-version-check -e . && \
	  .venv-other/bin/python -m tests.stdlib.run || status=1; \
	fi; exit $$status

# A minute of replies bent at random, to each engine that reads them; ten thousand lookups over a bad network.
fuzz: $(VENV)/.ready ## A minute of bent replies to each engine; ten thousand lookups over a bad network
	$(BIN)/python -m tests.resolver.fuzz_replies --seconds 60
	ROUGH_LOOKUPS=10000 $(BIN)/python -m pytest tests/resolver/test_requirements.py -k loses

# The accelerator beside the Python codec on a million bent packets, under ASan and UBSan; needs gcc.
fuzz-codec: $(VENV)/.ready ## The accelerator beside the Python codec: a million bent packets, under sanitizers
	$(BIN)/python -m tests.resolver.fuzz_codec --packets 1000000

# The modules that look names up or move bytes, with each resolver patched in; about three minutes for each.
test-stdlib-names: $(VENV)/.ready ## CPython's tests that look names up, with each resolver: three minutes each
	for engine in auto ares python thread block; do \
		$(BIN)/python -m tests.stdlib.run --engine $$engine --names --per-test 30 || failed=1; \
	done; exit $${failed:-0}

# -- releases --------------------------------------------------------------------------------------------------------

.venv-release/.ready: pyproject.toml
	test -x .venv-release/bin/python || $(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --disable-pip-version-check \
	  'build>=1.2' 'twine>=6' 'check-wheel-contents>=0.6' 'towncrier>=24' 'cyclonedx-bom>=5' 'griffe>=1.5'
	touch $@

# The time of the last commit in all archives: two builds of one commit are identical.
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || date +%s))

dist: .venv-release/.ready ## dist/: the source distribution and a wheel, reproducible and checked
	rm -rf dist build *.egg-info
	SOURCE_DATE_EPOCH=$(EPOCH) .venv-release/bin/python -m build --outdir dist .
	.venv-release/bin/python -m twine check --strict dist/*
	.venv-release/bin/check-wheel-contents dist/*.whl

test-release: .venv-release/.ready ## Build twice, compare; install wheel and sdist in clean environments; tests from the sdist
	$(PYTHON) -m tests.release $(PYTHONS)

.venv-docs/.ready: pyproject.toml
	test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

docs: .venv-docs/.ready ## The site, in docs/_build/html: warnings are errors, links inside it are checked
	.venv-docs/bin/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Each in an environment of its own, from its source distribution: minutes.
test-downstream: ## Suites of requests, redis-py, PyMySQL and others under the patch; SUITES=requests for one
	$(PYTHON) -m tests.downstream.run $(SUITES)

changelog: .venv-release/.ready ## What changelog.d/ makes for the next release
	.venv-release/bin/towncrier build --draft --version "next"

sbom: ## sbom.json: what an installed celadon consists of, as CycloneDX
	$(MAKE) .venv-release/.ready
	test -x .venv-sbom/bin/python || $(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check .
	.venv-release/bin/cyclonedx-py environment --of JSON -o sbom.json .venv-sbom/bin/python

LAST_TAG = $(shell git describe --tags --abbrev=0 2>/dev/null)
api-check: .venv-release/.ready ## Public names that changed or went since the last tag (AGAINST= another commit)
	@test -n "$(or $(AGAINST),$(LAST_TAG))" || { echo "api-check: no tag yet; give a commit, as AGAINST=main~50"; exit 0; }; \
	test -z "$(or $(AGAINST),$(LAST_TAG))" || .venv-release/bin/griffe check celadon --against "$(or $(AGAINST),$(LAST_TAG))"

# The requirements' oldest versions that pyproject.toml allows, and the newest that the index has.
OLDEST = greenlet==3.1.0 pycares==5.2.0 dnspython==2.9.0
test-oldest: ## The hub's and the resolver's tests on the oldest and newest greenlet, pycares, dnspython
	test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	status=0; \
	for which in "$(OLDEST)" "--upgrade greenlet pycares dnspython"; do \
	  .venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check $$which pytest pytest-timeout hypothesis || exit 1; \
	  .venv-oldest/bin/python -m pip list 2>/dev/null | grep -E "^(greenlet|pycares|dnspython) "; \
	  PYTHONPATH=. .venv-oldest/bin/python -m pytest --ignore=tests/resolver/adapters tests/hub tests/resolver || status=1; \
	done; exit $$status

clean: ## Remove what was built
	rm -rf $(VENV) .venv-3.* .venv-bench-* .venv-peers-* .venv-integration .venv-niquests .venv-types .venv-release .venv-sbom .venv-oldest .venv-docs .venv-demo .downstream docs/_build dist sbom.json build *.egg-info .mypy_cache .ruff_cache
