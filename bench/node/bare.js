'use strict';

// A request through one middleware alone, on a response that goes nowhere.

// The parts of a response that both middlewares use.
class Response {
  constructor(done) {
    this.done = done;
    this.headers = {};
    this.statusCode = 200;
    this.headersSent = false;
    this._header = null;
  }
  getHeader(name) {
    return this.headers[name.toLowerCase()];
  }
  setHeader(name, value) {
    this.headers[name.toLowerCase()] = value;
  }
  hasHeader(name) {
    return name.toLowerCase() in this.headers;
  }
  _implicitHeader() {
    this.writeHead(this.statusCode);
  }
  writeHead() {
    this._header = 'sent';
    this.headersSent = true;
  }
  write() {
    return true;
  }
  flushHeaders() {}
  once(event, listener) {
    if (event === 'close') this.closed = listener;
  }
  end() {
    if (!this._header) this._implicitHeader();
    this.closed?.();
    this.done(this);
    return this;
  }
}

// `looks`: whether the handler looks at the session.
function request(middleware, cookie, change, looks = true) {
  return new Promise((resolve, reject) => {
    const req = {
      headers: cookie ? { cookie } : {},
      url: '/',
      originalUrl: '/',
      method: 'GET',
      connection: {},
      socket: {},
    };
    const res = new Response(resolve);
    middleware(req, res, (error) => {
      if (error) return reject(error);
      if (looks) change(req.session);
      return res.end();
    });
  });
}

module.exports = { request };
