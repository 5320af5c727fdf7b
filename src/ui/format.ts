// Numbers, times and names as people read them. Pure.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A count of bytes with three significant digits: `0 B`, `1.50 KiB`, `640 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

const grouped = new Intl.NumberFormat('en');

/** `12,345`. */
export const formatCount = (count: number): string => grouped.format(count);

/** The step of performance.now() in ms: browsers make it coarse (0.1 in Chromium, 1 in Firefox). */
export function clockStep(now: () => number = () => performance.now()): number {
  let step = Number.POSITIVE_INFINITY;
  for (let i = 0, last = now(); i < 4; i++) {
    let next = now();
    while (next === last) next = now();
    step = Math.min(step, next - last);
    last = next;
  }
  return step;
}

/**
 * A span of time given in ms: `42 µs`, `1.25 ms`, `310 ms`, `2.40 s`; `–` for none. `step`: that of the clock it was
 * measured with, below which it says no more than that.
 */
export function formatDuration(ms: number | undefined, step = 0): string {
  if (ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < step / 2) return `<${formatDuration(step)}`;
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 99.95) return `${ms.toFixed(ms < 9.995 ? 2 : 1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** The local time of day, to the millisecond, of a moment in ms since 1970. */
export function formatClock(epochMs: number): string {
  const date = new Date(epochMs);
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A string of bytes (a name, a path) as text: UTF-8 where it is that, else with `\xNN`; control characters always so. */
export function showBytes(name: string): string {
  let text = name;
  let decoded = true;
  try {
    text = utf8.decode(Uint8Array.from(name, (char) => char.charCodeAt(0)));
  } catch {
    decoded = false;
  }
  return Array.from(text, (char) => {
    const code = char.codePointAt(0) as number;
    if (char === '\\') return '\\\\';
    return code < 32 || code === 127 || (!decoded && code > 127) ? `\\x${code.toString(16).padStart(2, '0')}` : char;
  }).join('');
}

const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/;

/** showBytes() without its cost for what most names are. */
export const showName = (name: string): string => (PLAIN.test(name) ? name : showBytes(name));

const TYPES: ReadonlyMap<number, string> = new Map([
  [0o140000, 's'],
  [0o120000, 'l'],
  [0o100000, '-'],
  [0o060000, 'b'],
  [0o040000, 'd'],
  [0o020000, 'c'],
  [0o010000, 'p'],
]);

/** Type and permissions as `ls -l` has them: `drwxr-sr-t`. */
export function formatMode(mode: number): string {
  const rights = (shift: number, special: number, letter: string): string => {
    const execute = (mode >> shift) & 1;
    const last = mode & special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return `${(mode >> shift) & 4 ? 'r' : '-'}${(mode >> shift) & 2 ? 'w' : '-'}${last}`;
  };
  return `${TYPES.get(mode & 0o170000) ?? '?'}${rights(6, 0o4000, 's')}${rights(3, 0o2000, 's')}${rights(0, 0o1000, 't')}`;
}

/** A moment in seconds since 1970 to the minute, local time: `2026-11-21 15:50`; what no calendar has, as its number. */
export function formatDate(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `@${seconds}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Major and minor number of a device (include/linux/kdev_t.h new_decode_dev): `8:1`. */
export const formatDevice = (rdev: number): string =>
  `${(rdev & 0xfff00) >> 8}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}`;

/** The text that a string of bytes is in UTF-8; undefined where it is none, or has control characters. */
export function textOf(name: string): string | undefined {
  try {
    const text = utf8.decode(Uint8Array.from(name, (char) => char.charCodeAt(0)));
    return /[\x00-\x1f\x7f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** `1 file`, `2 files` */
export const counted = (count: number, one: string, many: string): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;
