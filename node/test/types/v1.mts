// The types of coatcheck/v1 as an ES module uses them; compiled, never run.

import type FromPath from 'coatcheck/session/store';
import session, { Cookie, MemoryStore } from 'coatcheck/v1';
import express from 'express';

const app = express();
const secrets = ['a'];
app.use(
  session({ secret: secrets, store: new MemoryStore(), cookie: { path: '/a' } }).on('gone', (error) => error.code),
);
app.get('/', (req, res) => {
  req.session.save((error) => res.send(String(error)));
  req.session.cookie.maxAge = 1;
});
const store: FromPath | undefined = undefined;
const text: string = new Cookie({ maxAge: 1 }).serialize('a', 'b');
// @ts-expect-error a wrong value
session({ genid: 1 });
void [store, text];
