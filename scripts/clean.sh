#!/usr/bin/env bash
# Removes what was built. .venv and node_modules stay: they are slow to get and hold nothing of ours.
source "$(dirname "$0")/common.sh"
rm -rf build dist node/prebuilds python/coatcheck/lib python/coatcheck/*.so
