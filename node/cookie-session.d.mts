// The ES module face of cookie-session.d.ts.
import cookieSession from './cookie-session.js';

export default cookieSession;
