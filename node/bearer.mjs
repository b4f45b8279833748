// The ES module face of bearer.js.
import bearerModule from './bearer.js';

export default bearerModule;
export const { bearer, requireScope, BearerError } = bearerModule;
