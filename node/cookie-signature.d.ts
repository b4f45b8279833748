// Types of coatcheck/cookie-signature, as @types/cookie-signature has them.

/// <reference types="node" />
import type { KeyObject } from 'node:crypto';

type Secret = string | NodeJS.ArrayBufferView | KeyObject;

/** `VALUE.SIGNATURE`: base64(HMAC-SHA-256(secret, value)) without `=`. */
export function sign(value: string, secret: Secret): string;
/** The value, or false where the signature is not its own. */
export function unsign(input: string, secret: Secret): string | false;
