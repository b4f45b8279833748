# Shared by the scripts of this folder: where things are, and how progress is told. Source it, do not run it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

venv="$root/.venv"
jobs=${COATCHECK_JOBS:-2}
export COATCHECK_STORE=${COATCHECK_STORE:-}
[ -n "$COATCHECK_STORE" ] || unset COATCHECK_STORE
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The package.json folders whose dependencies the commands need.
node_folders=(node examples/cart)
