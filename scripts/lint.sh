#!/usr/bin/env bash
# Every linter; all of them run, and the command fails if one did. LINT_FAST=1 leaves out the compiler and
# clang-tidy, which take minutes.
source "$(dirname "$0")/common.sh"
setup lint
install_python_packages scripts/requirements-tests.txt
source scripts/sources.sh
failed=()
check() {
  local name=$1
  shift
  say "$name"
  "$@" || failed+=("$name")
}

format() { cpp_files | xargs -0 clang-format --dry-run -Werror; }
shells() { shell_files | xargs -0 -n 1 bash -n; }
locks() {
  local file bad=0
  while IFS= read -r -d '' file; do
    # A lock file that names a host ties every install to it.
    if grep -nE '"resolved": *"https?:' "$file"; then bad=1; fi
    # What a package may depend on must be in the lock, too, or `npm ci` refuses it elsewhere.
    node -e '
      const { packages } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
      for (const [where, entry] of Object.entries(packages))
        for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
          const places = Object.keys(packages).filter((key) => key.endsWith(`node_modules/${name}`));
          if (!places.length) { console.log(`${process.argv[1]}: ${where || "."} needs ${name}`); process.exitCode = 1; }
        }' "$file" || bad=1
  done < <(find . \( -name node_modules -o -name .venv -o -name build \) -prune -o -name package-lock.json -print0)
  return "$bad"
}
types() {
  "$venv/bin/mypy" && "$venv/bin/mypy" --strict scripts/bench.py bench/scale/model.py &&
    (cd tests/interop && MYPYPATH=.. "$venv/bin/mypy" --strict conftest.py test_interop.py test_options.py test_tokens.py) &&
    (cd tests/readme && MYPYPATH=..:../../bench/scale "$venv/bin/mypy" --strict test_readme.py test_scale.py)
}
warnings() { cmake --preset dev >/dev/null && cmake --build --preset dev --parallel "$jobs"; }
tidy() {
  find core/src -name '*.cc' -print0 | xargs -0 -n 4 -P "$jobs" clang-tidy --quiet -p build/dev \
    --extra-arg=-Wno-unknown-warning-option
}

check clang-format format
check shell shells
check "lock files" locks
check "ruff check" "$venv/bin/ruff" check .
check "ruff format" "$venv/bin/ruff" format --check .
check mypy types
check biome biome --error-on-warnings
if [ -z "${LINT_FAST:-}" ]; then
  check "compiler warnings" warnings
  check clang-tidy tidy
fi

[ ${#failed[@]} -eq 0 ] || die "lint: failed: ${failed[*]}"
echo "lint: clean"
