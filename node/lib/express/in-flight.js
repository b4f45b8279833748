'use strict';

// Which sessions of a store have requests under way in this process, so that these do not undo each other's work: a store
// of express-session has no compare-and-set. (Ours have; what other processes do meanwhile is not seen here.)

class InFlight {
  #sessions = new Map();

  // A request begins to read a session, or to write a new one. `leave` is owed.
  enter(sid) {
    let flight = this.#sessions.get(sid);
    if (flight === undefined) {
      // latest: the data that was written or read last; writes: how many began, of which `pending` are not over
      flight = { sid, users: 0, latest: undefined, writes: 0, pending: 0, ended: false };
      this.#sessions.set(sid, flight);
    }
    flight.users += 1;
    return flight;
  }

  leave(flight) {
    flight.users -= 1;
    if (flight.users === 0 && this.#sessions.get(flight.sid) === flight) this.#sessions.delete(flight.sid);
  }

  // The session was ended: what is under way with it stores nothing any more.
  end(sid) {
    const flight = this.#sessions.get(sid);
    if (flight !== undefined) flight.ended = true;
  }
}

module.exports = { InFlight };
