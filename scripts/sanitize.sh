#!/usr/bin/env bash
# Core tests under sanitizers: sanitize.sh asan | tsan.
source "$(dirname "$0")/common.sh"
preset=${1:?asan or tsan}
scripts/system-packages.sh build servers
say "$preset: build"
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" --parallel "$jobs"
say "$preset: tests"
ctest --preset "$preset" --parallel "$jobs"
