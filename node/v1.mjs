// The ES module face of v1.js.
import session from './v1.js';

export default session;
export const { Cookie, MemoryStore, Session, Store } = session;
