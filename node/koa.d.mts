// The ES module face of koa.d.ts.
import all from './koa.js';

export default all;
