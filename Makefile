# Two commands do everything, set-up included: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-bulk-scale test-parity test-stdlib test-integration bench bench-hub bench-bulk bench-scrapy bench-requests clean

$(VENV)/.ready: pyproject.toml setup.py celadon/hub/accel/_arena.c
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q celadon
	touch $@

# One environment for each Python: make bench PYTHON=python3.13
BENCH = .venv-bench-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.venv-bench-%/.ready: pyproject.toml setup.py celadon/hub/accel/_arena.c
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	touch $@

demo: $(VENV)/.ready
	$(BIN)/python -m examples.demo

test: $(VENV)/.ready
	$(BIN)/ruff check celadon tests examples benchmarks
	$(BIN)/mypy
	$(BIN)/python -m pytest --ignore=tests/integration/test_dig.py --ignore=tests/integration/test_encrypted.py

.PHONY: test-shuffle test-soak test-poll

# The whole suite, with what is ready run in a random order; a failing seed fails again: make test-shuffle SEED=3
SEED ?= $(shell date +%s)
test-shuffle: $(VENV)/.ready
	@echo "make test-shuffle SEED=$(SEED)"
	CELADON_SHUFFLE=$(SEED) $(BIN)/python -m pytest

# The hub's tests on each poller that this system has besides the best one.
test-poll: $(VENV)/.ready
	CELADON_POLLER=poll $(BIN)/python -m pytest tests/hub
	CELADON_POLLER=select $(BIN)/python -m pytest tests/hub

# Random things done to the hub, checked against a model; SEED=7/41 is one round of SEED=7 again.
SECONDS ?= 60
test-soak: $(VENV)/.ready
	$(BIN)/python -m tests.hub.soak --seconds $(SECONDS) --seed $(SEED)

.venv-integration/.ready: pyproject.toml
	test -x .venv-integration/bin/python || $(PYTHON) -m venv .venv-integration
	.venv-integration/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,integration]'
	touch $@

.venv-niquests/.ready: pyproject.toml
	test -x .venv-niquests/bin/python || $(PYTHON) -m venv .venv-niquests
	.venv-niquests/bin/python -m pip install --quiet --disable-pip-version-check -e '.[niquests]' pytest pytest-timeout
	touch $@

# What `make test` skips: the adapters of Scrapy, Twisted, pycurl and niquests; libraries as they are under patch_all,
# against PostgreSQL, Redis, MariaDB, NSD and Knot, which apt-get installs where they are missing and we are root.
test-integration: .venv-integration/.ready .venv-niquests/.ready
	.venv-integration/bin/python -m tests.integration.servers
	.venv-integration/bin/python -m pytest tests/resolver/adapters tests/integration
	.venv-niquests/bin/python -m pytest tests/resolver/adapters/test_niquests.py

bench:
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.run
	$(BENCH)/bin/python -m benchmarks.cost
	$(BENCH)/bin/python -m benchmarks.echo

# The table of the hub alone, without lookups and sockets; ROUNDS=1 for a first look.
ROUNDS ?= 3
bench-hub:
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.run --parts time,parked,asleep --rounds $(ROUNDS)
	$(BENCH)/bin/python -m benchmarks.cost

# A broad crawl of 20,000 hosts by Scrapy, its resolvers against ours, without and with loss: needs root, takes minutes.
bench-scrapy: .venv-integration/.ready
	.venv-integration/bin/python -m benchmarks.crawl_scrapy

# Exactly one right record for each of a million names, through loss, death, stops and several processes; and memory.
test-bulk-scale: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bulk_proof

# A million names to JSON, beside massdns (MASSDNS=its binary), aiodns, gevent, dnspython; needs nsd and dnsperf.
bench-bulk:
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.bulk --rounds 2

# requests over 5,000 hosts with 500 greenlets of ours, of gevent, and threads: needs root.
bench-requests:
	$(MAKE) $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.crawl_requests

# Thousands of calls of libc and of every engine in private worlds: needs root, takes minutes.
test-parity: $(VENV)/.ready
	PARITY_COUNT=400 PARITY_SEEDS=2 PARITY_DRAWN=100 $(BIN)/python -m pytest tests/resolver/test_parity.py

# CPython's own tests under patch_all, beside the same unpatched; takes about half an hour for each Python, of which a
# second one is taken where it is present. What looks names up is run with each resolver engine as well.
OTHER_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3) $(shell command -v python3.13))

test-stdlib: $(VENV)/.ready
	status=0; for engine in ares python thread; do \
	  $(BIN)/python -m tests.stdlib.run --names --engine $$engine || status=1; done; \
	$(BIN)/python -m tests.stdlib.run || status=1; \
	if [ -n "$(OTHER_PYTHON)" ]; then \
	  test -x .venv-other/bin/python || $(OTHER_PYTHON) -m venv .venv-other; \
	  .venv-other/bin/python -m pip install --quiet --disable-pip-version-check -e . && \
	  .venv-other/bin/python -m tests.stdlib.run || status=1; \
	fi; exit $$status

.PHONY: fuzz test-stdlib-names
# A minute of replies bent at random, to each engine that reads them; ten thousand lookups over a bad network.
fuzz: $(VENV)/.ready
	$(BIN)/python -m tests.resolver.fuzz_replies --seconds 60
	ROUGH_LOOKUPS=10000 $(BIN)/python -m pytest tests/resolver/test_requirements.py -k loses

# The modules that look names up or move bytes, with each resolver patched in; about three minutes for each.
test-stdlib-names: $(VENV)/.ready
	for engine in auto ares python thread block; do \
		$(BIN)/python -m tests.stdlib.run --engine $$engine --names --per-test 30 || failed=1; \
	done; exit $${failed:-0}

clean:
	rm -rf $(VENV) .venv-bench-* .venv-integration .venv-niquests build *.egg-info .mypy_cache .ruff_cache
