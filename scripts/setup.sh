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

for folder in "${node_folders[@]}"; do
  [ -f "$folder/package-lock.json" ] || continue
  stamp="$folder/node_modules/.coatcheck-lock"
  want=$(sha256sum <"$folder/package-lock.json")
  if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
    say "node: packages of $folder"
    # A package of this checkout (file:../../node) is a link: npm 9 would copy it, before its binary is built.
    (cd "$folder" && npm ci --install-links=false --no-audit --no-fund --ignore-scripts --loglevel=error)
    printf '%s\n' "$want" >"$stamp"
  fi
done
