// The ES module face of v1.d.ts.
import session from './v1.js';

export default session;
export {
  AnyStore,
  Callback,
  Cookie,
  CookieOptions,
  MemoryStore,
  Middleware,
  Secret,
  Session,
  SessionData,
  SessionOptions,
  Store,
} from './v1.js';
