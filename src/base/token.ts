// Random names that nobody else has chosen.

/** 32 hexadecimal digits. (crypto.randomUUID is missing in pages that came over plain HTTP.) */
export function randomToken(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
