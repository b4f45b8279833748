// The types of coatcheck/iron-session; compiled, never run.

import { createServer } from 'node:http';
import { getIronSession, type SessionOptions, sealData, unsealData } from 'coatcheck/iron-session';

interface Data {
  user?: { id: number };
}
const options: SessionOptions = {
  cookieName: 'sid',
  password: { 1: 'x' },
  ttl: 60,
  cookieOptions: { sameSite: 'lax' },
};
createServer(async (req, res) => {
  const session = await getIronSession<Data>(req, res, { ...options, format: 'iron', chunk: true });
  session.user = { id: 1 };
  await session.save();
  session.destroy();
  session.updateConfig(options);
});
const session = await getIronSession<Data>(new Request('http://a'), new Response(), options);
const id: number | undefined = session.user?.id;
const seal: string = await sealData({ id }, { password: 'x' });
const back: Data = await unsealData<Data>(seal, { password: 'x' });
void back;
// @ts-expect-error no such format
void sealData({}, { password: 'x', format: 'other' });
