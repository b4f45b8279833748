#!/usr/bin/env bash
# Builds and runs a program that uses coatcheck, both ways a C++ user would: run.sh BUILD_DIR.
# BUILD_DIR is a configured and built tree; what is made goes below build/consumer.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built=$(cd "${1:?build directory}" && pwd)
work="$root/build/consumer"
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
passed=0
failed=0

try() {
  local name=$1
  shift
  if "$@" >"$work/$name.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    consumer: $name"
  else
    failed=$((failed + 1))
    echo "FAIL  consumer: $name"
    tail -30 "$work/$name.log"
  fi
}

build() {
  cmake -G Ninja -S "$here/$1" -B "$work/$1" "${launcher[@]}" "${@:2}"
  cmake --build "$work/$1" --parallel "${COATCHECK_JOBS:-2}"
  "$work/$1/consumer"
}

find_package() {
  rm -rf "$work/prefix"
  cmake --install "$built" --prefix "$work/prefix"
  build find_package -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/prefix"
}

mkdir -p "$work"
# The sources are built as a Debug build of the user's builds them: what is not optimised takes half the time.
# A function called as a condition does not stop at its first error, so each runs in a shell of its own.
export -f build find_package
export here work built COATCHECK_JOBS=${COATCHECK_JOBS:-2}
try find_package bash -euo pipefail -c "launcher=(${launcher[*]:-}); find_package"
try add_subdirectory bash -euo pipefail -c "launcher=(${launcher[*]:-}); build add_subdirectory -DCMAKE_BUILD_TYPE=Debug -DCOATCHECK_QUICK_BUILD=ON"
echo "consumer: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
