// The types of coatcheck/cookie-signature; compiled, never run.

import { sign, unsign } from 'coatcheck/cookie-signature';

const value: string | false = unsign(sign('a', 'b'), Buffer.from('b'));
void value;
// @ts-expect-error no secret
sign('a');
