// The ES module face of hono.d.ts.
import all from './hono.js';

export default all;
