// The ES module face of hono.js.
import all from './hono.js';

export default all;
