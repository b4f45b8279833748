#!/usr/bin/env bash
# Everything that a build needs: system packages, .venv, node_modules. Skips what is there and unchanged.
# Arguments: further groups of system packages (browser, lint, fuzz, bench).
source "$(dirname "$0")/common.sh"

scripts/system-packages.sh build "$@"

if [ ! -x "$venv/bin/python" ]; then
  say "python: making .venv"
  "${PYTHON:-python3}" -m venv "$venv"
fi
install_python_packages scripts/requirements.txt

if system_node_is_old; then
  install_node_packages scripts/node
  use_node
  node --version >/dev/null 2>&1 && [ "$(node -p 'parseInt(process.versions.node)')" -ge "$node_oldest" ] ||
    die "Node $(node --version) is past its end, and npm has no newer one for $node_platform. Install Node $node_oldest or later."
fi
for folder in "${node_folders[@]}"; do install_node_packages "$folder"; done
