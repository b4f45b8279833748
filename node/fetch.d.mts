// The ES module face of fetch.d.ts.
import all from './fetch.js';

export default all;
