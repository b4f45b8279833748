#!/usr/bin/env bash
# The Node suite on every release of Node that is maintained. NODE_VERSIONS names some of them; needs a built tree.
source "$(dirname "$0")/common.sh"
install_node_packages scripts/node-versions
failed=()
for major in ${NODE_VERSIONS:-22 24 26}; do
  bin="$root/scripts/node-versions/node_modules/node$major-$node_platform/bin"
  [ -x "$bin/node" ] || die "test-node: there is no Node $major for $node_platform"
  say "test: node $("$bin/node" --version)"
  (cd node && PATH=$bin:$PATH node --test test/*.test.js) || failed+=("$major")
done
[ ${#failed[@]} -eq 0 ] || die "test-node: failed on Node ${failed[*]}"
