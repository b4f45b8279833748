// The types of coatcheck/fast-jwt; compiled, never run.

import { createDecoder, createSigner, createVerifier, TokenError } from 'coatcheck/fast-jwt';

const token: string = createSigner({ key: 'x', algorithm: 'HS256', expiresIn: '1h' })({ a: 1 });
const later: Promise<string> = createSigner({ key: async () => 'x' })({ a: 1 });
createSigner({ key: { key: 'x', passphrase: 'y' }, algorithm: 'RS256' });
const claims = createVerifier({ key: 'x', allowedIss: [/a/, 'b'], cache: true })(token);
createVerifier({ key: (_decoded, done) => done(null, 'x') })(token, (error) => error?.message);
const { header } = createDecoder({ complete: true })(token);
const expired: boolean = new TokenError('x').code === TokenError.codes.expired;
void [later, claims, header, expired];
// @ts-expect-error no such algorithm
createSigner({ key: 'x', algorithm: 'HS1' });
