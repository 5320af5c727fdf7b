// The lab's options in the page's address: ?cache=auto&writeback=0&like=virtiofsd&handles=prefer&tree=NAME... Pure.
import type { CacheMode, HandleMode, LabOptions, Like, Wrong } from '../lab/messages.ts';

export const CACHE_MODES: readonly CacheMode[] = ['never', 'metadata', 'auto', 'always'];
export const LIKES: readonly Like[] = ['virtiofsd'];
export const HANDLE_MODES: readonly HandleMode[] = ['never', 'prefer', 'mandatory'];
const WRONGS: readonly Wrong[] = ['ids-without-pin', 'constant-generation', 'both'];

export const DEFAULT_OPTIONS: LabOptions = {
  memory: 128,
  tag: 'lab',
  cache: 'auto',
  writeback: false,
  locks: false,
  like: undefined,
  handles: undefined,
  failHandles: undefined,
  wrong: undefined,
  reuse: false,
  chunkCache: 256,
  limit: undefined,
  tree: 'default',
};

/** MiB. The guest's initramfs is put at 64 MiB; some browsers fail above 256. */
export const MEMORY = { min: 96, max: 1024 };

/** MiB of file content in memory. Below the least, a commit would be no more than a few requests. */
export const CHUNK_CACHE = { min: 8, max: 2048 };

/** MiB that files together may take, where a limit is set. */
export const LIMIT = { min: 1, max: 2 ** 20 };

/** The options of a query, and what of it could not be understood (the default stands in for that), in words. */
export function parseOptions(query: string): { options: LabOptions; problems: string[] } {
  const given = new URLSearchParams(query);
  const options = { ...DEFAULT_OPTIONS };
  const problems: string[] = [];
  const take = (name: keyof LabOptions, wanted: string, put: (value: string) => boolean): void => {
    const value = given.get(name);
    if (value !== null && !put(value)) problems.push(`${name}=${value}: ${wanted}; using ${options[name] ?? 'none'}`);
  };
  const takeMebibytes = (name: 'memory' | 'limit' | 'chunkCache', { min, max }: { min: number; max: number }): void =>
    take(name, `MiB from ${min} to ${max}`, (value) => {
      const size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      if (!(size >= min && size <= max)) return false;
      options[name] = size;
      return true;
    });
  take('cache', `one of ${CACHE_MODES.join(', ')}`, (value) => {
    const mode = CACHE_MODES.find((known) => known === value);
    options.cache = mode ?? options.cache;
    return mode !== undefined;
  });
  take('writeback', '0 or 1', (value) => {
    options.writeback = value === '1';
    return value === '0' || value === '1';
  });
  take('locks', '0 or 1', (value) => {
    options.locks = value === '1';
    return value === '0' || value === '1';
  });
  take('like', `one of ${LIKES.join(', ')}`, (value) => {
    options.like = LIKES.find((known) => known === value);
    return options.like !== undefined;
  });
  take('handles', `one of ${HANDLE_MODES.join(', ')}`, (value) => {
    options.handles = HANDLE_MODES.find((known) => known === value);
    return options.handles !== undefined;
  });
  take('failHandles', 'once:N, from:N or first:N, with :ERRNO or without', (value) => {
    if (!/^(once|from|first):[1-9]\d{0,8}(:E(OPNOTSUPP|OVERFLOW|IO|PERM|NOMEM))?$/.test(value)) return false;
    options.failHandles = value;
    return true;
  });
  take('wrong', `one of ${WRONGS.join(', ')}`, (value) => {
    options.wrong = WRONGS.find((known) => known === value);
    return options.wrong !== undefined;
  });
  take('reuse', '0 or 1', (value) => {
    options.reuse = value === '1';
    return value === '0' || value === '1';
  });
  takeMebibytes('memory', MEMORY);
  takeMebibytes('limit', LIMIT);
  takeMebibytes('chunkCache', CHUNK_CACHE);
  take('tree', '1 to 64 letters, digits, dots, dashes', (value) => {
    if (!/^[\w.-]{1,64}$/.test(value)) return false;
    options.tree = value;
    return true;
  });
  take('tag', '1 to 36 printable ASCII characters', (value) => {
    if (!/^[\x21-\x7e]{1,36}$/.test(value)) return false;
    options.tag = value;
    return true;
  });
  return { options, problems };
}

/** The query that stands for options; what is as by default is left out, and what else was in the query stays. */
export function optionsQuery(options: LabOptions, query = ''): string {
  const result = new URLSearchParams(query);
  for (const name of Object.keys(DEFAULT_OPTIONS) as (keyof LabOptions)[]) {
    const value = options[name];
    if (value === DEFAULT_OPTIONS[name]) result.delete(name);
    else result.set(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  const text = result.toString();
  return text === '' ? '' : `?${text}`;
}
