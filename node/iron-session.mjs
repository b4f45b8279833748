// The ES module face of iron-session.js.
import all from './iron-session.js';

export default all;
export const { getIronSession, sealData, unsealData } = all;
