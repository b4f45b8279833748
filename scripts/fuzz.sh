#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (30) each; a finding is left in build/fuzz/findings and fails the command.
# FUZZ_TARGETS names some of them ("fuzz_jws fuzz_jwe"). The JOSE targets start from the tokens and keys of tests/vectors.
source "$(dirname "$0")/common.sh"
scripts/system-packages.sh build fuzz
say "fuzz: build"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --parallel "$jobs"
findings=build/fuzz/findings
mkdir -p "$findings"
python3 tests/fuzz/make_seeds.py build/fuzz/seeds
ran=0
for target in build/fuzz/fuzz/fuzz_*; do
  [ -x "$target" ] || continue
  name=$(basename "$target")
  [[ -z ${FUZZ_TARGETS:-} || " $FUZZ_TARGETS " == *" $name "* ]] || continue
  corpus="build/fuzz/corpus/$name"
  mkdir -p "$corpus"
  seeds=() options=()
  [ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
  [ -d "build/fuzz/seeds/$name" ] && seeds+=("build/fuzz/seeds/$name") options=(-dict=tests/fuzz/jose.dict -max_len=8192)
  say "$name: ${FUZZ_SECONDS:-30} s"
  "$target" -max_total_time="${FUZZ_SECONDS:-30}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    "${options[@]}" -artifact_prefix="$findings/$name-" "$corpus" "${seeds[@]}" 2>"build/fuzz/$name.log" ||
    { tail -40 "build/fuzz/$name.log"; die "$name: failed; the input is in $findings"; }
  grep -E 'number_of_executed_units' "build/fuzz/$name.log" || true
  ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || die "fuzz: no target was built"
echo "$ran targets, 0 findings"
