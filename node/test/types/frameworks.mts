// The types of the frameworks' entries; compiled, never run.

import coatcheckFastify from 'coatcheck/fastify';
import createSessions from 'coatcheck/fetch';
import honoSession from 'coatcheck/hono';
import koaSession from 'coatcheck/koa';
import Fastify from 'fastify';
import { Hono } from 'hono';

const app = Fastify();
await app.register(coatcheckFastify, { secret: 'x', store: 'memory:' });
app.get('/', async (request) => {
  await request.session.regenerate({ keep: true });
  return request.sessionID;
});
app.sessionMiddleware.on('gone', (error) => error.code);

const hono = new Hono();
hono.use(honoSession({ secret: 'x' }).on('late', (error) => error.code));
hono.get('/', async (c) => {
  await c.get('session').destroy();
  return c.text('x');
});

void koaSession({ secret: 'x' });

const sessions = createSessions({ secret: 'x' });
export const GET = sessions.wrap(async (_request: Request, { session, id }, extra: { params: string }) => {
  await session.save();
  return Response.json({ id, extra });
});
const storage = sessions.storage();
const own = await storage.getSession('x');
own.flash('a', 1);
const header: string = await storage.commitSession(own);
void header;
// @ts-expect-error no such option
createSessions({ secrets: 'x' });
