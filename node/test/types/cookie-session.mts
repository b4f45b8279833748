// The types of coatcheck/cookie-session; compiled, never run.

import { createSecretKey } from 'node:crypto';
import cookieSession from 'coatcheck/cookie-session';

const middleware = cookieSession({ keys: ['a', createSecretKey('b', 'utf8')], maxAge: 1, sameSite: 'lax' });
middleware.on('late', (error) => error.message);
cookieSession({ keys: ['a'], sealed: true, spill: { store: 'memory:', over: 1000 } });
const req = {} as cookieSession.CookieSessionRequest;
if (req.session !== null) {
  req.session.views = 1;
  await req.session.regenerate({ keep: true });
  req.session.save((error) => error);
}
req.sessionOptions.maxAge = 5;
// @ts-expect-error a wrong value
cookieSession({ sealed: 'yes' });
