#!/usr/bin/env bash
# Makes what is published, in dist/: the npm tarball with its binary, liblmdb and libz, the wheel, the sdist.
source "$(dirname "$0")/common.sh"
rm -rf dist
mkdir -p dist

say "package: npm"
for file in node/prebuilds/*.node node/prebuilds/liblmdb.so.0 node/prebuilds/libz.so.1; do
  [ -f "$file" ] || die "package: $file is missing"
done
(cd node && npm pack --silent --ignore-scripts --pack-destination "$root/dist")
tar -tzf dist/coatcheck-*.tgz >build/.tarball.txt
grep -q '^package/prebuilds/.*\.node$' build/.tarball.txt || die "package: the tarball has no binary"

# The wheel is built from the sdist: what it needs and the sdist lacks shows here, and nothing of this tree slips in.
say "package: sdist and wheel"
"$venv/bin/python" -m build --no-isolation --outdir dist . >build/.wheel.log 2>&1 || { tail -20 build/.wheel.log; exit 1; }

# The wheel carries liblmdb with it. Which glibc it then needs is what the platform tag says.
PATH="$venv/bin:$PATH" "$venv/bin/auditwheel" repair --wheel-dir dist/repaired dist/coatcheck-*-linux_*.whl >build/.auditwheel.log 2>&1 ||
  { tail -20 build/.auditwheel.log; exit 1; }
rm dist/*.whl
mv dist/repaired/*.whl dist/
rmdir dist/repaired

say "package: install each in an empty place"
try=$(mktemp -d)
trap 'rm -rf "$try"' EXIT
(cd "$try" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund --ignore-scripts "$root"/dist/coatcheck-*.tgz &&
  node -e 'const s = require("coatcheck"); s({ secret: "x".repeat(32), store: "memory:" }); console.log("npm: ok", s.version)')
"${PYTHON:-python3}" -m venv "$try/venv"
"$try/venv/bin/python" -m pip install --quiet --no-index --no-deps "$root"/dist/*.whl
(cd "$try" && venv/bin/python -c 'import coatcheck; print("wheel: ok", coatcheck.__version__)')
ls -l dist
