// The ES module face of koa.js.
import all from './koa.js';

export default all;
