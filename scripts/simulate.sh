#!/usr/bin/env bash
# Worlds of engines and a failing Redis (tests/simulation): SEEDS of them, from SEED on, STEPS each. A world that fails
# prints its seed; SEED=<that> SEEDS=1 plays it again. By default about a million steps.
source "$(dirname "$0")/common.sh"

scripts/build.sh test_simulation >/dev/null
COATCHECK_SIMULATION_SEED="${SEED:-${COATCHECK_SIMULATION_SEED:-$RANDOM}}" \
COATCHECK_SIMULATION_SEEDS="${SEEDS:-${COATCHECK_SIMULATION_SEEDS:-50}}" \
COATCHECK_SIMULATION_STEPS="${STEPS:-${COATCHECK_SIMULATION_STEPS:-20000}}" \
  exec build/release/tests/test_simulation
