#!/usr/bin/env bash
# The shared cart, checked in a real browser: exits by the result. COATCHECK_STORE names another store.
source "$(dirname "$0")/common.sh"
setup browser
scripts/build.sh coatcheck_node coatcheck_python cart_cpp
exec node examples/cart/check.js
