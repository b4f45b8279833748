// The ES module face of jwt.d.ts.
import * as all from './jwt.js';

export default all;
export * from './jwt.js';
