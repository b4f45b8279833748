'use strict';

// An express-session store on node:sqlite, as fast as one can be made: prepared statements, a write-ahead log, no wait
// for the disk (synchronous = NORMAL). The SQLite stores of the registries want native packages that need headers from
// elsewhere; this one stands for them.

const { DatabaseSync } = require('node:sqlite');
const { Store } = require('express-session');

const DAY = 86_400_000;

class SqliteStore extends Store {
  constructor(file) {
    super();
    const database = new DatabaseSync(file);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    database.exec('CREATE TABLE sessions (id TEXT PRIMARY KEY, expires INTEGER NOT NULL, data TEXT NOT NULL)');
    this.read = database.prepare('SELECT data FROM sessions WHERE id = ? AND expires > ?');
    this.write = database.prepare('INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)');
    this.move = database.prepare('UPDATE sessions SET expires = ? WHERE id = ?');
    this.remove = database.prepare('DELETE FROM sessions WHERE id = ?');
  }
  get(id, done) {
    const row = this.read.get(id, Date.now());
    setImmediate(done, null, row && JSON.parse(row.data));
  }
  set(id, session, done) {
    this.write.run(id, Date.now() + (session.cookie.maxAge ?? DAY), JSON.stringify(session));
    setImmediate(done, null);
  }
  touch(id, session, done) {
    this.move.run(Date.now() + (session.cookie.maxAge ?? DAY), id);
    setImmediate(done, null);
  }
  destroy(id, done) {
    this.remove.run(id);
    setImmediate(done, null);
  }
}

module.exports = { SqliteStore };
