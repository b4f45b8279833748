#!/usr/bin/env bash
# Installs what is missing of the system's packages (Debian 12, Ubuntu 24.04, and later ones), and nothing else.
# Groups: build (default), servers (that tests start), browser, lint, fuzz, bench. With neither root nor sudo it names the packages and stops.
source "$(dirname "$0")/common.sh"

declare -A packages_of=(
  [build]="g++ cmake ninja-build pkg-config libssl-dev libhiredis-dev liblmdb-dev nlohmann-json3-dev rapidjson-dev libgtest-dev libuv1-dev libcpp-httplib-dev zlib1g-dev"
  [servers]="redis-server memcached postgresql pgbouncer haproxy nginx"
  [browser]="chromium"
  [lint]="clang clang-format clang-tidy"
  [fuzz]="clang"
  [bench]="libbenchmark-dev"
)
wanted=()
for group in "${@:-build}"; do
  read -ra names <<<"${packages_of[$group]}"
  wanted+=("${names[@]}")
done
for group in "$@"; do
  # libFuzzer's runtime is a package of its own, named after clang's version.
  if [ "$group" = fuzz ]; then
    version=$(apt-cache show clang 2>/dev/null | sed -n 's/^Depends:.*clang-\([0-9]\+\).*/\1/p' | head -1)
    wanted+=("libclang-rt-${version:-14}-dev")
  fi
done
# Any CPython from 3.10 on will do, wherever it comes from; so will any Node: setup.sh sees to an old one.
type -P node >/dev/null || wanted+=(nodejs)
type -P npm >/dev/null || wanted+=(npm)
python=${PYTHON:-python3}
command -v "$python" >/dev/null || wanted+=(python3 python3-venv python3-dev)
if command -v "$python" >/dev/null; then
  "$python" -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
  "$python" -c 'import os, sysconfig; raise SystemExit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    wanted+=(python3-dev)
fi

missing=()
for name in "${wanted[@]}"; do
  # A browser or a ccache from elsewhere is as good as the package.
  if [ "$name" = chromium ] && [ -x "${COATCHECK_CHROMIUM:-/usr/bin/chromium}" ]; then continue; fi
  # Any version of the server, without the package that names the newest one.
  if [ "$name" = postgresql ] && compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then continue; fi
  dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || die "These packages are missing, and apt-get is not here to install them: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || die "These system packages are missing. Install them as root, then run this again:
  apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo)
fi
say "system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install() { "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"; }
if ! apt-cache show "${missing[@]}" >/dev/null 2>&1; then "${as_root[@]}" apt-get update; fi
# A list of packages that has grown old names files which are no longer there: read it anew and try once more.
install || { "${as_root[@]}" apt-get update && install; }
