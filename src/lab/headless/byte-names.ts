// Names are strings of bytes inside; outside, in JSON, they are text.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Length of the UTF-8 sequence that begins at `at`, or 0 where there is none. */
function sequenceAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number;
  const length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    utf8.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

/**
 * Text for a string of bytes: UTF-8 decoded, every other byte as `\xNN`. A backslash that would read as such an escape
 * is written `\x5c`, so the bytes can be had back.
 */
export function bytesAsText(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name) && !name.includes('\\x')) return name;
  const bytes = Buffer.from(name, 'latin1');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceAt(bytes, at);
    if (length === 0) {
      text += hex(bytes[at] as number);
      at++;
      continue;
    }
    const piece = utf8.decode(bytes.subarray(at, at + length));
    text += piece === '\\' && /^x[0-9a-f]{2}/.test(name.slice(at + 1)) ? '\\x5c' : piece;
    at += length;
  }
  return text;
}

/** A line for a terminal: what it would obey is escaped. */
export const forTerminal = (line: string): string => line.replace(/\p{Cc}/gu, (control) => hex(control.charCodeAt(0)));
