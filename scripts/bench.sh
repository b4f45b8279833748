#!/usr/bin/env bash
# Side by side with the peers, in one run: a table, and build/bench.json with
#   [{case, ours_ns, peer, peer_ns, ratio, limit_ns}, …]
# BENCH names what to run: languages (cpp node python) or programs of theirs (node/redis python/flask cpp/jwt);
# BENCH_NODE the releases of Node (24 26).
source "$(dirname "$0")/common.sh"
setup servers bench

# The peers have node_modules and a virtual environment of their own: nothing else needs them.
peers="build/bench-venv"
stamp="$peers/.coatcheck-requirements"
want=$(cat scripts/requirements.txt bench/python/requirements.txt | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
  say "bench: peers for Python"
  [ -x "$peers/bin/python" ] || "${PYTHON:-python3}" -m venv "$peers"
  "$peers/bin/python" -m pip install --quiet --requirement bench/python/requirements.txt uvloop
  printf '%s\n' "$want" >"$stamp"
fi
install_node_packages bench/node
install_node_packages scripts/node-versions

scripts/build.sh coatcheck_node coatcheck_python
cmake --preset release -DCOATCHECK_BUILD_BENCH=ON >build/.configure.log
cmake --build --preset release --parallel "$jobs"
read -ra languages <<<"${BENCH:-cpp node python}"
exec env PYTHONPATH="$root/python" "$peers/bin/python" scripts/bench.py "${languages[@]}"
