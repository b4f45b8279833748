// The ES module face of iron-session.d.ts.
import * as all from './iron-session.js';

export default all;
export * from './iron-session.js';
