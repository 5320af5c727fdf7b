// How bytes are written in calls, in their results and in the golden file: as guest-images/tools/lab-calls.c does it.

const PLAIN = /[a-zA-Z0-9\-._/+=,:@|]/;
/** From so many equal bytes in a row on they are written as {N*C}. */
const RUN = 8;

const character = (code: number): string => {
  const text = String.fromCharCode(code);
  return PLAIN.test(text) ? text : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
};

/** One token for a string of one character a byte. */
export function encode(bytes: string): string {
  if (bytes === '') return "''";
  let out = '';
  for (let i = 0; i < bytes.length; ) {
    const code = bytes.charCodeAt(i);
    let end = i + 1;
    while (bytes.charCodeAt(end) === code) end++;
    out += end - i >= RUN ? `{${end - i}*${character(code)}}` : character(code).repeat(end - i);
    i = end;
  }
  return out;
}

/** What a token stands for. */
export function decode(token: string): string {
  if (token === "''") return '';
  const one = (text: string): string =>
    text.startsWith('%') ? String.fromCharCode(Number.parseInt(text.slice(1), 16)) : text;
  return token.replace(/\{(\d+)\*(%..|.)\}|%../g, (all, count?: string, what?: string) =>
    count === undefined ? one(all) : one(what ?? '').repeat(Number(count)),
  );
}
