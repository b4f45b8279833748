// Everything that a C++ service needs: the engine, its stores and keys, and the conveniences that throw.
// Include a single header of this folder instead where compile time matters; each says what it is for.
#pragma once

#include "coatcheck/clock.hpp"
#include "coatcheck/cookie.hpp"
#include "coatcheck/driver.hpp"
#include "coatcheck/engine.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/event_loop.hpp"
#include "coatcheck/key_ring.hpp"
#include "coatcheck/life_cycle.hpp"
#include "coatcheck/pruning.hpp"
#include "coatcheck/refresh_tokens.hpp"
#include "coatcheck/store.hpp"
#include "coatcheck/throwing.hpp"
#include "coatcheck/token_sessions.hpp"
