// A program of express-session's, with that package's types, after its one import is changed.

import express = require('express');
import session = require('coatcheck');

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
  req.session.regenerate(() => req.session.destroy(() => res.send('x')));
  req.sessionStore.get('x', (_error, found) => found?.views.toFixed());
  // @ts-expect-error a number
  req.session.views = 'x';
});

app.get('/promises', async (req) => {
  await req.session.save();
  await req.session.regenerate({ keep: true });
});
// @ts-expect-error a wrong value
session({ unset: 'remove' });
