// The types as a CommonJS application uses them; compiled, never run.

import express = require('express');
import session = require('coatcheck');
import jwt = require('coatcheck/jwt');

declare module 'coatcheck' {
  interface SessionData {
    views: number;
    user: { name: string };
  }
}

const app = express();
app.use(
  session({
    secret: ['new', Buffer.from('old')],
    store: 'file:./sessions',
    cookie: { maxAge: 60_000, secure: 'auto', sameSite: 'lax' },
    onUnknown: 'open',
  }),
);
app.use(session({ store: new session.Store('memory:'), cookie: (req) => ({ secure: req.secure }) }));

app.get('/', async (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1;
  const name: string | undefined = req.session.user?.name;
  req.session.cookie.maxAge = 5000;
  req.session.save((error) => res.send(String(error)));
  await req.session.regenerate({ keep: true });
  await req.session.destroy();
  const id: string = req.sessionID;
  res.json({ name, id });
  // @ts-expect-error no such field
  req.session.nothing;
  // @ts-expect-error a number
  req.session.views = 'x';
});

app.use(session({ mode: 'jwe', accessTtl: 60_000, checkEpoch: true, owner: (data) => data.user?.name }));
const signing = jwt.generateKey('ES256');
app.use(session({ mode: 'jwt', tokenKeys: [signing, signing.publicKey()] }));
// @ts-expect-error a Key, not its JWK
session({ mode: 'jwt', tokenKeys: { kty: 'EC' } });
// @ts-expect-error no such mode
session({ mode: 'token' });
const tls: session.StoreTls = { ca: [Buffer.from('a'), 'b'], cert: '/c.pem', passphrase: 'p', servername: 'h' };
const place: session.StorePlace = { url: 'rediss://h', tls };
app.use(session({ secret: 'x', store: place }));
app.use(session({ secret: 'x', store: new session.Store({ url: 'rediss://h', tls: { rejectUnauthorized: true } }) }));
// @ts-expect-error a name of the URL's
new session.Store({ url: 'rediss://h', tls: { server_name: 'h' } });
const tokens = new session.RefreshTokens('memory:', { secret: 'secret', grace: 5000 });
app.post('/refresh', async (req, res) => {
  const { token, family } = await tokens.refresh(req.body.token);
  await tokens.revokeAll(family.owner, { except: family.id });
  res.json({ token, good: await tokens.check(family.owner, family.epoch) });
});

// @ts-expect-error a misspelt option
session({ saveUninitialised: true });
// @ts-expect-error a wrong value
session({ unset: 'remove' });

const value: string | false = new session.KeyRing('secret').unsign('s:x.y');
const error: session.CoatcheckError | undefined = undefined;

export { error, value };
