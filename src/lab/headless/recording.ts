// A recording: the file that `npm run guest -- --log` wrote, read and checked for whether it can be replayed.
import { createReadStream } from 'node:fs';
import { parseHandleFailure } from '../../fs/fuse/handle-failure.ts';
import { type CacheMode, type Policy, policyOf } from '../../fs/fuse/policy.ts';
import type { HandleMode, Like, Wrong } from '../messages.ts';
import { CACHE_MODES, HANDLE_MODES, LIKES, WRONGS } from './cli-options.ts';
import { bytesCrc, LOG_SCHEMA } from './request-log.ts';

/** Why a file cannot be replayed. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/** What the server and its tree were, of the first line. */
export interface RecordingHeader {
  policy: Policy;
  like: Like | undefined;
  handles: HandleMode | undefined;
  failHandles: string | undefined;
  wrong: Wrong | undefined;
  reuse: boolean;
  /** MiB. */
  limit: number | undefined;
  chunkCache: number | undefined;
  /** Digest of the tree as the guest found it, 'empty' where nothing was in it. */
  tree: string;
  /** Changes that the tree had seen before anything was loaded. */
  changes: number;
  /** What was loaded, and where the tree was kept, as they were named then. */
  load: string | undefined;
  store: string | undefined;
}

export interface RecordedRequest {
  /** In the order in which the device took them, from 1. */
  seq: number;
  /** Its place in the file: in the order in which they were finished. */
  line: number;
  queue: number;
  op: string;
  path: string | undefined;
  req: Uint8Array;
  res: Uint8Array;
  /** Bytes of the writable part; undefined in recordings that do not tell. */
  room: number | undefined;
  /** ms. `answered` is undefined where no answer was made. */
  taken: number;
  answered: number | undefined;
  /** Whether its chain came back to the guest: not where the device was reset before. */
  used: boolean;
  /** Whether the bytes are those that were recorded. */
  intact: boolean;
}

export interface Recording {
  header: RecordingHeader;
  /** By `seq`. */
  requests: RecordedRequest[];
}

type Json = Record<string, unknown>;

/** Rejects with RecordingError for what is no whole recording, and with what the file system says. */
export async function readRecording(file: string): Promise<Recording> {
  let header: RecordingHeader | undefined;
  const requests: RecordedRequest[] = [];
  let line = 0;
  for await (const text of linesOf(file)) {
    line++;
    const object = parse(text, line);
    if (header === undefined) header = headerOf(object);
    else requests.push(requestOf(object, line));
  }
  if (header === undefined) throw new RecordingError('no recording: the file is empty');
  requests.sort((a, b) => a.seq - b.seq);
  requests.forEach(({ seq }, i) => {
    if (seq === i + 1) return;
    const what = seq > i + 1 ? `request ${i + 1} is missing` : `request ${seq} is there twice`;
    throw new RecordingError(`the recording is not whole: ${what}`);
  });
  return { header, requests };
}

async function* linesOf(file: string): AsyncGenerator<string> {
  let rest: string[] = [];
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const pieces = (chunk as string).split('\n');
    rest.push(pieces[0] as string);
    for (let i = 1; i < pieces.length; i++) {
      yield rest.join('');
      rest = [pieces[i] as string];
    }
  }
  const last = rest.join('');
  if (last !== '') yield last;
}

function parse(text: string, line: number): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RecordingError(
      line === 1 ? 'no recording: it does not begin with JSON' : `line ${line} is damaged or ends too early`,
    );
  }
  if (typeof value !== 'object' || value === null) throw new RecordingError(`line ${line} is no object`);
  return value as Json;
}

function headerOf(object: Json): RecordingHeader {
  const { schema } = object;
  if (typeof schema !== 'number') throw new RecordingError('no recording: the first line has no `schema`');
  if (schema !== LOG_SCHEMA) throw new RecordingError(`a recording of form ${schema}; known is ${LOG_SCHEMA}`);
  const get = getter(object, 'the header');
  const cache = get.oneOf<CacheMode>('cache', CACHE_MODES) ?? 'auto';
  const like = get.oneOf<Like>('like', LIKES);
  const options = { cache, like, writeback: get.truth('writeback'), locks: get.truth('locks') };
  const known = policyOf({ ...options, labels: get.truth('labels') });
  return {
    policy: policyAsRecorded(object.policy, known),
    like,
    handles: get.oneOf<HandleMode>('handles', HANDLE_MODES),
    failHandles: get.kind('failHandles', (text) => parseHandleFailure(text) !== undefined),
    wrong: get.oneOf<Wrong>('wrong', WRONGS),
    reuse: get.truth('reuse'),
    limit: get.number('limit'),
    chunkCache: get.number('chunkCache'),
    tree: get.text('tree') ?? 'empty',
    changes: get.number('changes') ?? 0,
    load: get.text('load'),
    store: get.text('store'),
  };
}

/** What the server promised then, also where the same options promise something else by now. */
function policyAsRecorded(recorded: unknown, known: Policy): Policy {
  const then = (recorded ?? {}) as Json;
  const values = Object.entries(known).map(([name, value]) => {
    const same = typeof then[name] === typeof value;
    return [name, same ? then[name] : value];
  });
  return Object.fromEntries(values) as Policy;
}

function requestOf(object: Json, line: number): RecordedRequest {
  const get = getter(object, `line ${line}`);
  const op = get.text('op') ?? 'request';
  const seq = get.needed('seq');
  const req = get.bytes('req');
  const res = get.bytes('res');
  const cut = (length: number, whole: number, what: string): void => {
    if (length >= whole) return;
    throw new RecordingError(`request ${seq}, ${op}: its ${what} was cut, ${length} of ${whole} bytes are there`);
  };
  cut(req.length, get.needed('insize'), 'request');
  cut(res.length, get.needed('outsize'), 'reply');
  const crc = get.number('crc');
  return {
    seq,
    line,
    queue: get.needed('queue'),
    op,
    path: get.text('path'),
    req,
    res,
    room: get.number('room'),
    taken: get.needed('taken'),
    answered: get.number('answered'),
    used: get.number('used') !== undefined,
    intact: crc === undefined || crc === bytesCrc(req, res),
  };
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Takes fields out of an object, and throws where one is of another kind than it should be. */
function getter(object: Json, where: string) {
  const wrong = (name: string): never => {
    throw new RecordingError(`${where}: ${name} is ${JSON.stringify(object[name])?.slice(0, 40) ?? 'missing'}`);
  };
  const number = (name: string): number | undefined => {
    const value = object[name];
    if (value === undefined) return undefined;
    return typeof value === 'number' && value >= 0 ? value : wrong(name);
  };
  const text = (name: string): string | undefined => {
    const value = object[name];
    return value === undefined || typeof value === 'string' ? value : wrong(name);
  };
  return {
    number,
    text,
    needed: (name: string): number => number(name) ?? wrong(name),
    kind(name: string, good: (text: string) => boolean): string | undefined {
      const value = text(name);
      return value === undefined || good(value) ? value : wrong(name);
    },
    truth: (name: string): boolean => object[name] === true,
    oneOf<T extends string>(name: string, known: readonly T[]): T | undefined {
      const value = text(name);
      return value === undefined ? undefined : (known.find((one) => one === value) ?? wrong(name));
    },
    bytes(name: string): Uint8Array {
      const value = text(name);
      if (value === undefined || value.length % 4 !== 0 || !BASE64.test(value)) return wrong(name);
      return Buffer.from(value, 'base64');
    },
  };
}
