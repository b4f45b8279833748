// The ES module face of fast-jwt.d.ts.
import * as all from './fast-jwt.js';

export default all;
export * from './fast-jwt.js';
