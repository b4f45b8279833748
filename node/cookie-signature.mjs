// The ES module face of cookie-signature.js.
import all from './cookie-signature.js';

export default all;
export const { sign, unsign } = all;
