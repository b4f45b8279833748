#!/usr/bin/env bash
# Builds the core, both bindings and the C++ example, and leaves them in place:
#   require('./node')  and  .venv/bin/python -c 'import coatcheck'  work afterwards.
# Arguments: targets to build instead of everything.
source "$(dirname "$0")/common.sh"

targets=()
[ $# -eq 0 ] || targets=(--target "$@")
say "build: ${*:-core, tests, node, python, example} (build/release)"
mkdir -p build
cmake --preset release -Dpybind11_DIR="$("$venv/bin/python" -m pybind11 --cmakedir)" >build/.configure.log 2>&1 ||
  { cat build/.configure.log; exit 1; }
cmake --build --preset release --parallel "$jobs" "${targets[@]}"

# The Python package is used from where it stands: no copy that could grow old.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$root/python" >"$site/coatcheck-in-place.pth"

node -e 'require("./node")'
"$venv/bin/python" -c 'import coatcheck'
