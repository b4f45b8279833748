'use strict';

// A class whose constructor returns the object that it is given: a subclass' private fields are then added to that
// object, where nobody else sees them, and end with it. A WeakMap would do the same and give the garbage collector far
// more to do (docs/decisions/0042).

class Given {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: the subclass' field is then added to this object
    return object;
  }
}

module.exports = { Given };
