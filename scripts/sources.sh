# Our own source files, NUL between them, and the JavaScript linter. Source it after common.sh.
cpp_files() {
  find core bindings tests bench examples \( -name node_modules -o -name build \) -prune -o \
    \( -name '*.cc' -o -name '*.hpp' \) -print0
}
shell_files() { find scripts tests .ci/run \( -name '*.sh' -o -path .ci/run \) -print0; }

# Biome has a package per platform. A registry that lacks one of them makes a lock file that `npm ci` refuses, so it is
# kept out of the packages' own dependencies: only the linter needs it.
biome_version=2.6.8
biome() {
  local tools="$root/build/tools"
  if [ "$(cat "$tools/.version" 2>/dev/null)" != "$biome_version" ]; then
    mkdir -p "$tools"
    npm install --prefix "$tools" --no-package-lock --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
      "@biomejs/biome@$biome_version"
    echo "$biome_version" >"$tools/.version"
  fi
  (cd node && "$tools/node_modules/.bin/biome" check --config-path=. "$@" . ../examples/cart ../tests/interop ../bench/node)
}
