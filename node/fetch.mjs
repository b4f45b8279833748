// The ES module face of fetch.js.
import all from './fetch.js';

export default all;
