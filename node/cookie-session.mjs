// The ES module face of cookie-session.js.
import cookieSession from './cookie-session.js';

export default cookieSession;
