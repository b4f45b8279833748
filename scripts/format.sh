#!/usr/bin/env bash
# Formats every language in place.
source "$(dirname "$0")/common.sh"
setup lint
source scripts/sources.sh
cpp_files | xargs -r -0 clang-format -i
"$venv/bin/ruff" format .
"$venv/bin/ruff" check --fix .
biome --write
