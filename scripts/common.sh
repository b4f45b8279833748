# Shared by the scripts of this folder: where things are, and how progress is told. Source it, do not run it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

venv="$root/.venv"
# A compiler needs up to 0.7 GB.
jobs=$(awk -v cpus="$(nproc)" '/MemAvailable/ { fit = int($2 / 1e6); print fit < 1 ? 1 : fit < cpus ? fit : cpus }' /proc/meminfo)
jobs=${COATCHECK_JOBS:-$jobs}
# A first build of everything is quicker so, and the next one after a change slower: see CONTRIBUTING.md.
export COATCHECK_QUICK_BUILD=${COATCHECK_QUICK_BUILD:-ON}
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

# Node past its end (18, 20) is not used: where the system's is, setup.sh puts a maintained one into scripts/node, and
# use_node puts that first in PATH. npm stays with the Node that it was installed for: npm 9 does not know a Node 24.
node_oldest=22
case $(uname -m) in
  aarch64 | arm64) node_platform=linux-arm64 ;;
  *) node_platform=linux-x64 ;;
esac
export COATCHECK_SYSTEM_PATH=${COATCHECK_SYSTEM_PATH:-$PATH}
system_node_is_old() {
  local major
  major=$(PATH="$COATCHECK_SYSTEM_PATH" node -p 'parseInt(process.versions.node)' 2>/dev/null) || return 1
  [ "$major" -lt "$node_oldest" ]
}
use_node() {
  local own="$root/scripts/node/node_modules/node-$node_platform/bin"
  PATH=$COATCHECK_SYSTEM_PATH
  if [ -x "$own/node" ] && system_node_is_old; then PATH=$own:$PATH; fi
}
use_node
npm() { env PATH="$COATCHECK_SYSTEM_PATH" npm "$@"; }
setup() { scripts/setup.sh "$@" && use_node; }

# A stamp holds the hash of what was installed from; a changed list installs again.
install_python_packages() {
  local requirements=$1 stamp want
  stamp="$venv/.coatcheck-$(basename "$requirements" .txt)"
  want=$(sha256sum <"$requirements")
  if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
    say "python: packages of $requirements"
    "$venv/bin/python" -m pip install --quiet --requirement "$requirements"
    printf '%s\n' "$want" >"$stamp"
  fi
}

# Installs what a folder's lock file names, if that is not there: a stamp holds the hash of what was installed.
install_node_packages() {
  local folder=$1 stamp="$1/node_modules/.coatcheck-lock" want
  want=$(sha256sum <"$folder/package-lock.json")
  [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
  say "node: packages of $folder"
  # A package of this checkout (file:../../node) is a link: npm 9 would copy it, before its binary is built.
  (cd "$folder" && npm ci --install-links=false --no-audit --no-fund --ignore-scripts --loglevel=error)
  printf '%s\n' "$want" >"$stamp"
}
