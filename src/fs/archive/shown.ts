// What an archive says of itself, in messages: it may be of any length, and may be meant for a terminal to obey.
import { bytesToString, stringToBytes } from '../../base/iov.ts';

const SHOWN_MAX = 200;

/** The beginning of a text, one that holds no more of it in memory. */
export function cut(text: string, length: number): string {
  // A part of a string keeps the whole of it, in V8.
  return text.length <= length ? text : `${bytesToString(stringToBytes(text.slice(0, length)))}...`;
}

/** Bytes in a message: what is not printed is escaped, and there is an end to it. */
export const shown = (text: string): string =>
  cut(text, SHOWN_MAX).replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
