#!/usr/bin/env bash
# Everything that a build needs: system packages, .venv, node_modules. Skips what is there and unchanged.
# Arguments: further groups of system packages (browser, lint, fuzz, bench).
source "$(dirname "$0")/common.sh"

scripts/system-packages.sh build "$@"

# A stamp holds the hash of what was installed from; a changed list installs again.
if [ ! -x "$venv/bin/python" ]; then
  say "python: making .venv"
  "${PYTHON:-python3}" -m venv "$venv"
fi
requirements=scripts/requirements.txt
stamp="$venv/.coatcheck-requirements"
want=$(sha256sum <"$requirements")
if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
  say "python: packages of $requirements"
  "$venv/bin/python" -m pip install --quiet --requirement "$requirements"
  printf '%s\n' "$want" >"$stamp"
fi

if system_node_is_old; then
  install_node_packages scripts/node
  use_node
  node --version >/dev/null 2>&1 && [ "$(node -p 'parseInt(process.versions.node)')" -ge "$node_oldest" ] ||
    die "Node $(node --version) is past its end, and npm has no newer one for $node_platform. Install Node $node_oldest or later."
fi
for folder in "${node_folders[@]}"; do install_node_packages "$folder"; done
