'use strict';

// RefreshTokens on each kind of store: rotation, retries, theft, lists, revocation.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { CoatcheckError, RefreshTokens, Store } = require('..');
const { Redis, SECRET, fileStore, memoryStore } = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  // A thousand uses are a thousand operations in flight, and the machine may be busy.
  redis: async (t) => `${(await Redis.start(t)).url}?timeout=20000&queue=100000`,
};
const USES = 1000;

async function make(t, makeStore, options = {}) {
  const tokens = new RefreshTokens(await makeStore(t), { secret: SECRET, ...options });
  t.after(() => tokens.close());
  return tokens;
}

// What a token that buys nothing rejects with.
const refusal = (code, reason) => (error) => {
  assert.ok(error instanceof CoatcheckError, error.stack);
  assert.deepEqual([error.code, error.reason, error.status], [code, reason, 401]);
  return true;
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(kind, () => {
    test('a token is replaced at each use and keeps its family', async (t) => {
      const tokens = await make(t, makeStore);
      const claims = { scope: ['a', 'ü'], n: 1 };
      const issued = await tokens.issue('ann', { device: 'Telefon ☎', claims });
      assert.deepEqual(issued.family.claims, claims);
      const next = await tokens.refresh(issued.token);
      assert.notEqual(next.token, issued.token);
      assert.equal(next.repeated, false);
      const { id, owner, device, kind: what } = next.family;
      assert.deepEqual(
        { id, owner, device, what },
        {
          id: issued.family.id,
          owner: 'ann',
          device: 'Telefon ☎',
          what: 'refresh',
        },
      );
      assert.deepEqual(next.family.claims, claims);
      assert.ok(Math.abs(next.family.created - Date.now()) < 60_000);
    });

    test('a thousand uses at once get one successor, generation after generation', async (t) => {
      const tokens = await make(t, makeStore, { grace: 600_000 });
      let { token } = await tokens.issue('ann');
      for (let generation = 0; generation < 3; ++generation) {
        const all = await Promise.all(Array.from({ length: USES }, () => tokens.refresh(token)));
        assert.equal(new Set(all.map((one) => one.token)).size, 1);
        assert.equal(all.filter((one) => !one.repeated).length, 1);
        token = all[0].token;
      }
      assert.equal((await tokens.refresh(token)).repeated, false, 'the family lives');
    });

    test('a thousand reuses after the window raise one alarm, and the family has ended', async (t) => {
      const tokens = await make(t, makeStore, { grace: 0 });
      const { token } = await tokens.issue('ann');
      const newest = await tokens.refresh(token);
      const all = await Promise.allSettled(Array.from({ length: USES }, () => tokens.refresh(token)));
      const reasons = all.map(({ reason }) => reason?.reason);
      assert.equal(reasons.filter((reason) => reason === 'reused').length, 1);
      assert.equal(reasons.filter((reason) => reason === 'revoked').length, USES - 1);
      await assert.rejects(tokens.refresh(newest.token), refusal('ERR_TOKEN_REVOKED', 'revoked'));
    });

    test('an old token is theft: the family ends, and the error names whom to warn', async (t) => {
      const tokens = await make(t, makeStore, { grace: 0 });
      const { token, family } = await tokens.issue('ann');
      const next = await tokens.refresh(token);
      await assert.rejects(tokens.refresh(token), (error) => {
        assert.deepEqual(error.family, { id: family.id, owner: 'ann' });
        assert.ok(!error.message.includes(token));
        return refusal('ERR_TOKEN_REUSED', 'reused')(error);
      });
      await assert.rejects(tokens.refresh(next.token), refusal('ERR_TOKEN_REVOKED', 'revoked'));
    });

    test('families are listed and revoked, one or all but one', async (t) => {
      const tokens = await make(t, makeStore);
      const [one, two, three] = [await tokens.issue('ann'), await tokens.issue('ann'), await tokens.issue('ann')];
      const bob = await tokens.issue('bob');
      const ids = async () => (await tokens.list('ann')).map((family) => family.id).sort();
      assert.deepEqual(await ids(), [one, two, three].map(({ family }) => family.id).sort());
      assert.equal(await tokens.revoke(one.family.id), true);
      assert.equal(await tokens.revoke(one.family.id), false);
      const { count, epoch } = await tokens.revokeAll('ann', { except: three.family.id });
      assert.equal(count, 1);
      assert.ok(epoch >= two.family.epoch);
      assert.deepEqual(await ids(), [three.family.id]);
      await assert.rejects(tokens.refresh(two.token), refusal('ERR_TOKEN_REVOKED', 'revoked'));
      await tokens.refresh(three.token);
      await tokens.refresh(bob.token);
    });

    test('logout by a token', async (t) => {
      const tokens = await make(t, makeStore);
      const { token } = await tokens.issue('ann');
      assert.equal(await tokens.revokeToken(token), true);
      assert.equal(await tokens.revokeToken(token), false);
      assert.deepEqual(await tokens.list('ann'), []);
    });

    test('an epoch is good until the owner is revoked', async (t) => {
      const tokens = await make(t, makeStore);
      const { family } = await tokens.issue('ann');
      assert.equal(await tokens.check('ann', family.epoch), true);
      const { epoch } = await tokens.revokeAll('ann');
      assert.equal(await tokens.check('ann', epoch - 1), false);
      assert.equal(await tokens.check('ann', epoch), true);
      assert.equal(await tokens.check('bob', 0), true);
    });
  });
}

describe('refused', () => {
  test('what is no token, and one of another secret', async (t) => {
    const tokens = await make(t, memoryStore);
    await assert.rejects(tokens.refresh('nonsense'), refusal('ERR_TOKEN_MALFORMED', 'malformed'));
    await assert.rejects(tokens.refresh(''), refusal('ERR_TOKEN_MALFORMED', 'malformed'));
    const others = await make(t, memoryStore, { secret: 'another secret of the tests, 32 bytes' });
    const { token } = await others.issue('ann');
    await assert.rejects(tokens.refresh(token), refusal('ERR_TOKEN_REVOKED', 'not_found'));
  });

  test('wrong arguments', async (t) => {
    const tokens = await make(t, memoryStore);
    await assert.rejects(tokens.issue(''), { code: 'ERR_INVALID_OPTION' });
    await assert.rejects(tokens.issue(7), TypeError);
    await assert.rejects(tokens.issue('ann', { divice: 'x' }), /unknown issue option 'divice'/);
    await assert.rejects(tokens.issue('ann', { claims: [1] }), /claims must be an object/);
    await assert.rejects(tokens.issue('ann', { claims: { n: Number.NaN } }), { code: 'ERR_NOT_SERIALISABLE' });
    await assert.rejects(tokens.refresh(undefined), TypeError);
    await assert.rejects(tokens.check('ann', undefined), /epoch must be/);
    await assert.rejects(tokens.revokeAll('ann', { accept: 'x' }), /unknown revokeAll option 'accept'/);
  });

  test('wrong options', () => {
    assert.throws(() => new RefreshTokens(7, { secret: SECRET }), /store must be/);
    assert.throws(() => new RefreshTokens(memoryStore(), { secret: '' }), { code: 'ERR_INVALID_SECRET' });
    assert.throws(() => new RefreshTokens(memoryStore(), { secret: SECRET, ttl: 1 }), /unknown RefreshTokens option/);
    assert.throws(() => new RefreshTokens(memoryStore(), { secret: SECRET, grace: 600_001 }), {
      code: 'ERR_INVALID_OPTION',
    });
  });
});

test('a store that is closed is unknown, not refused', async () => {
  const store = new Store(memoryStore());
  const tokens = new RefreshTokens(store, { secret: SECRET });
  const { token } = await tokens.issue('ann');
  store.close();
  await assert.rejects(tokens.refresh(token), { code: 'ERR_STORE_CLOSED', status: 503 });
});
