#!/usr/bin/env bash
# The shared cart: set-up, build, run. COATCHECK_STORE names another store, PORT another port than 8080.
source "$(dirname "$0")/common.sh"
setup
scripts/build.sh coatcheck_node coatcheck_python cart_cpp
exec node examples/cart/demo.js
