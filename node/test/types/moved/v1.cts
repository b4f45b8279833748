// A program of express-session's, with that package's types, after its one import is changed.

import express = require('express');
import session = require('coatcheck/v1');
import Cookie = require('coatcheck/session/cookie');

import { RedisStore } from 'connect-redis';

declare module 'express-session' {
  interface SessionData {
    views: number;
    user?: { id: string };
  }
}

declare const client: ConstructorParameters<typeof RedisStore>[0]['client'];

const app = express();
app.use(
  session({
    secret: 'keyboard cat',
    resave: false,
    saveUninitialized: true,
    store: new RedisStore({ client }),
    cookie: { secure: 'auto', maxAge: 60_000, sameSite: 'auto' },
    genid: () => 'x',
  }),
);
app.use(session({ store: new session.MemoryStore(), unset: 'destroy', cookie: (req) => ({ secure: req.secure }) }));

app.get('/', (req, res, next) => {
  req.session.views = (req.session.views ?? 0) + 1;
  req.session.user = { id: req.sessionID };
  req.session.cookie.maxAge = 5;
  req.session.save((error) => next(error));
  req.session.regenerate(() => req.session.destroy(() => res.send(new Cookie().serialize('a', 'b'))));
  req.sessionStore.get('x', (_error, found) => found?.views.toFixed());
  // @ts-expect-error a number
  req.session.views = 'x';
});

class Mine extends session.Store {
  get(_sid: string, callback: (error: unknown, session?: session.SessionData | null) => void) {
    callback(null);
  }
  set(_sid: string, _session: session.SessionData, callback?: (error?: unknown) => void) {
    callback?.();
  }
  destroy(_sid: string, callback?: (error?: unknown) => void) {
    callback?.();
  }
}
session({ store: new Mine() });
const data: session.SessionData = { views: 1, cookie: new session.Cookie() };
void data.user?.id;
// @ts-expect-error a wrong value
session({ unset: 'remove' });
