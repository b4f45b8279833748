// What @types/express-session declares, where a program has it (other type packages bring it). Its type of `req.session`
// then stands; it is given what coatcheck's has more: the members that the program declares for 'coatcheck', and promises.

import type own from './index';

// @ts-ignore: where the package is not there, this is `any`
type Peer = typeof import('express-session');
// @ts-ignore: likewise
export type PeerSessionData = import('express-session').SessionData;

type IsAny<T> = 0 extends 1 & T ? true : false;

/** `Own`, unless the program has @types/express-session. */
export type UnlessPeer<Own, Otherwise> = IsAny<Peer> extends true ? Own : Otherwise;

// @ts-ignore: likewise
declare module 'express-session' {
  interface SessionData extends own.SessionData {}
  interface Session {
    save(): Promise<void>;
    reload(): Promise<void>;
    destroy(): Promise<void>;
    regenerate(options?: { keep?: boolean }): Promise<void>;
    transact<T>(change: (session: SessionData) => T | Promise<T>): Promise<T>;
  }
}
