'use strict';

// What Express' habit of giving each request and response another prototype costs in V8, and how to save it.
//
// Up to V8 12 (Node 22, maintained to April 2027), an object whose prototype was replaced has a hidden class that no
// other object has, and gets another one with each property that is added. No inline cache ever hits such an object:
// each access runs through the engine's slow path, and the classes are garbage for the old generation. In dictionary
// mode the objects share one class again. That is invisible to programs, and makes the whole rest of the request
// faster, also where no session is used (docs/decisions/0042). From V8 13 on the classes are shared as they are.

const http = require('node:http');
const { Http2ServerRequest, Http2ServerResponse } = require('node:http2');

const NATIVE = new Set([
  http.IncomingMessage.prototype,
  http.ServerResponse.prototype,
  Http2ServerRequest.prototype,
  Http2ServerResponse.prototype,
]);
const CLASSES_ARE_SINGLE = Number.parseInt(process.versions.v8, 10) < 13;
const HIDDEN = { enumerable: false };
const SHOWN = { enumerable: true };

// Puts an object with a hidden class of its own, one whose prototype is not node's own, into dictionary mode. `name` is
// a plain enumerable property that node gives such objects (a mock may lack it): V8 answers a change of its attributes
// with a dictionary, in which the way back is cheap.
function shareClass(object, name) {
  if (!CLASSES_ARE_SINGLE || NATIVE.has(Object.getPrototypeOf(object)) || !Object.hasOwn(object, name)) return;
  Object.defineProperty(object, name, HIDDEN);
  Object.defineProperty(object, name, SHOWN);
}

module.exports = { shareClass };
