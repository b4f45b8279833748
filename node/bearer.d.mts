// The ES module face of bearer.d.ts.
import * as all from './bearer.js';

export default all;
export * from './bearer.js';
