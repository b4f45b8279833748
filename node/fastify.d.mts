// The ES module face of fastify.d.ts.
import all from './fastify.js';

export default all;
