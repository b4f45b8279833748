# The commands of this repository. Each one is a short script in scripts/, so that it can be read and run alone.
# `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: help setup build demo demo-check demo-tiers test test-node bench asan tsan fuzz simulate lint format package fresh-check clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: ## system packages, .venv and node_modules, as far as they are missing
	@scripts/setup.sh

build: setup ## core, Node binding, Python binding and C++ example, in place
	@scripts/build.sh

demo: ## the shared cart on four stacks; prints the address, Ctrl-C ends it
	@scripts/demo.sh

demo-check: ## the same, unattended, in a headless browser
	@scripts/demo-check.sh

demo-tiers: build ## two Node and two Python processes behind HAProxy on Redis before PostgreSQL, killed under load
	@DEMO_ROUNDS="$${DEMO_ROUNDS:-150}" .venv/bin/python -m pytest -q -s -p no:cacheprovider tests/interop/test_tiers.py

test: build ## every suite: core, contract, python, node, interop, readme, consumer
	@scripts/test.sh

test-node: build ## the Node suite on every maintained release of Node (22, 24, 26)
	@scripts/test-node.sh

bench: ## side by side with the peers: a table and build/bench.json (BENCH='node/redis python' for some of it)
	@scripts/bench.sh

asan: ## core tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/sanitize.sh asan

tsan: ## core tests under ThreadSanitizer
	@scripts/sanitize.sh tsan

fuzz: ## every fuzz target for FUZZ_SECONDS (30) each
	@scripts/fuzz.sh

simulate: ## a million steps of engines on a failing Redis (SEED=, SEEDS=, STEPS=); a failing seed plays again
	@scripts/simulate.sh

lint: ## clang-format, clang-tidy, ruff, mypy --strict, the Node linter, shell syntax
	@scripts/lint.sh

format: ## format every language in place
	@scripts/format.sh

package: build ## npm tarball, wheel and sdist into dist/
	@scripts/package.sh

fresh-check: ## both commands of the README on an empty Debian 12 (root; SUITE=, COMMANDS=), with their times
	@scripts/fresh-check.sh

clean: ## remove what was built; keeps .venv and node_modules
	@scripts/clean.sh
