// The ES module face of index.js.
import session from './index.js';

export default session;
export const {
  Cookie,
  CoatcheckError,
  KeyRing,
  MemoryStore,
  RefreshTokens,
  TaggedValue,
  Session,
  Store,
  cached,
  createSchema,
  parseCookie,
  schemaSql,
  serializeCookie,
  version,
} = session;
