// The types as an ES module application uses them; compiled, never run.

import { createServer } from 'node:http';
import session, { type CachedTiers, cached, type SessionRequest, Store } from 'coatcheck';

const middleware = session({ secret: 'secret', idleTimeout: 60_000 });

createServer((req, res) => {
  middleware(req, res, async (error?: unknown) => {
    if (error) return res.end();
    const { session: data } = req as SessionRequest;
    data.views = 1;
    await data.reload();
    return res.end(data.id);
  });
}).listen();

const store = new Store('redis://127.0.0.1:6379', { ttl: 1000, nearCache: { size: 1_000_000, maxStale: 500 } });
const hits: number | undefined = (await store.stats()).nearCache?.hits;
// @ts-expect-error the size is not optional
session({ secret: 'secret', nearCache: { maxStale: 500 } });
const found = await store.get('sid');

export { found, hits };

const tiers: CachedTiers = { cache: 'memory:cache', origin: 'postgresql://db/app', ttl: 1000, removal: 'origin' };
const url: string = cached(tiers);
// @ts-expect-error: an origin is needed
cached({ cache: 'memory:cache' });
// @ts-expect-error: no such option
cached({ ...tiers, tll: 1000 });
new Store(url);
