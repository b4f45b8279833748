#!/usr/bin/env bash
# Every suite, each to its end, then the totals; fails when one of them did. SUITES names the ones to run.
# Needs a built tree: `make test` sees to that. Logs are in build/test.
source "$(dirname "$0")/common.sh"

scripts/system-packages.sh servers
all="core contract python node interop readme consumer"
suites=${SUITES:-$all}
logs=build/test
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.each
built=build/release
# Many tests wait for servers most of the time: one more at once than there are cores for.
at_once=$((jobs + 1))

# What each test program itself counted and named stands in ctest's log alone.
by_ctest() {
  local suite=$1 status=0
  shift
  ctest --test-dir "$built" --parallel "$at_once" --output-on-failure "$@" || status=$?
  cp "$built/Testing/Temporary/LastTest.log" "$logs/$suite.each"
  return "$status"
}
core() { by_ctest core --exclude-regex '^contract\.'; }
contract() { by_ctest contract --tests-regex '^contract\.'; }
pytests() { "$venv/bin/python" -m pytest -q -ra -p no:cacheprovider --numprocesses "$at_once" --dist loadfile "$@"; }
python() { install_python_packages scripts/requirements-tests.txt && pytests python/tests; }
node_tests() { (cd node && node --test --test-concurrency="$at_once" test/*.test.js); }
interop() { pytests tests/interop; }
readme() { pytests tests/readme; }
consumer() { tests/consumer/run.sh "$built"; }

# "passed failed skipped" from the summary that each kind of runner prints at its end.
counts() {
  local log=$1 kind=$2
  case $kind in
    core | contract)
      # A program that ended without a count (a crash, its time limit) is one failed test.
      awk '/^\[  PASSED  \] [0-9]+ test/ { pass += $4 } /^\[  SKIPPED \] [0-9]+ test/ { skip += $4 }
           /^\[  FAILED  \] [0-9]+ test/ { fail += $4; told = 1 }
           /^Test (Failed|Timeout)|^Test Exception/ { if (!told) fail++ } /^Test Pass|^Test (Failed|Timeout)/ { told = 0 }
           END { print pass + 0, fail + 0, skip + 0 }' "${log%.log}.each"
      ;;
    node)
      awk '/^(#|ℹ) pass / { pass += $3 } /^(#|ℹ) (fail|cancelled) / { fail += $3 } /^(#|ℹ) (skipped|todo) / { skip += $3 }
           END { print pass + 0, fail + 0, skip + 0 }' "$log"
      ;;
    consumer)
      sed -n 's/^consumer: \([0-9]*\) passed, \([0-9]*\) failed/\1 \2 0/p' "$log"
      ;;
    *)
      tail -1 "$log" | awk '{ for (i = 2; i <= NF; i++) { word = $i; sub(/,/, "", word)
             if (word == "passed") pass = $(i - 1); if (word == "failed" || word ~ /^errors?$/) fail += $(i - 1)
             if (word == "skipped") skip = $(i - 1) } }
           END { print pass + 0, fail + 0, skip + 0 }'
      ;;
  esac
}

# The names of what failed, from the same output.
failures() {
  local log=$1 kind=$2
  case $kind in
    core | contract) sed -n '/The following tests FAILED/,$p' "$log" | grep -v 'Skipped' | tail -n +2 && grep -h '^\[  FAILED  \] .*[^d]$' "$log" ;;
    node) grep -E '^ *(not ok|✖) ' "$log" ;;
    consumer) grep '^FAIL' "$log" ;;
    *) grep -E '^(FAILED|ERROR) ' "$log" ;;
  esac | sort -u | head -40
}

passed=0 failed=0 skipped=0 named=""
table=""
for suite in $suites; do
  say "test: $suite"
  run=$suite
  [ "$suite" != node ] || run=node_tests
  started=$SECONDS
  status=0
  "$run" 2>&1 | tee "$logs/$suite.log" || status=$?
  read -r p f s <<<"$(counts "$logs/$suite.log" "$suite")" || true
  # A runner that ended badly without counting a failure (a crash), or that ran nothing, is a failure itself.
  if [ "$status" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then f=1; fi
  if [ "${p:-0}" -eq 0 ] && [ "${f:-0}" -eq 0 ]; then f=1; fi
  [ "${f:-0}" -eq 0 ] || named+="== failed in $suite"$'\n'"$(failures "$logs/$suite.log" "$suite" || true)"$'\n'
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  table+=$(printf '%-10s %6d passed %4d failed %4d skipped %5d s' "$suite" "$p" "$f" "$s" $((SECONDS - started)))$'\n'
done

echo
printf '%s' "$named$table"
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
