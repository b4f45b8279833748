'use strict';

// What lib/response.js knows of one response. A subclass is a request's session: it has
//   finish()      what is to be done before the first byte is sent
//   finishLate()  what is left to do at the end of a response that began before
// Each answers nothing, or a promise of it; what it throws or rejects with goes to next(err).

class ResponseState {
  constructor(shared, req, res, next) {
    this.shared = shared; // what all requests of one middleware share
    this.req = req;
    this.res = res;
    this.next = next;
    this.looked = false; // the application looked at the session
    this.setCookie = undefined;
    this.clearCookie = undefined;
    this.otherCookies = undefined; // Set-Cookie values that clear other forms of the cookie
    this.headersFirst = false; // the headers do not wait for the session: the response's end alone does
    this.committed = false; // before the response began, by the framework (lib/host.js)
    this.commitFailed = false; // and the framework has the error
    this.headBeforeEnd = false; // with headersFirst: also where the end waits for nothing
    this.phase = 0; // of the response (lib/response.js)
    this.goesOn = false; // what is sent now is not the response's end: the session may change further until then
    this.failed = false;
    this.originals = undefined;
    this.drains = undefined; // who waits for drain, where others wrap `on`
    this.held = undefined;
    this.heldEnd = false;
    this.ended = false;
    this.uncover = undefined;
  }
}

module.exports = { ResponseState };
