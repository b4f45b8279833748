// The ES module face of cookie-signature.d.ts.
import * as all from './cookie-signature.js';

export default all;
export * from './cookie-signature.js';
