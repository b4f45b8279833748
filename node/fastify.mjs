// The ES module face of fastify.js.
import all from './fastify.js';

export default all;
