// The ES module face of fast-jwt.js.
import all from './fast-jwt.js';

export default all;
export const { TOKEN_ERROR_CODES, TokenError, createDecoder, createSigner, createVerifier } = all;
