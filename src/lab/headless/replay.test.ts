import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errnoOf, type FuseClient } from '../../../test/fuse-client.ts';
import { changed, type Line, record, rewrite } from '../../../test/recordings.ts';
import { MemoryStore } from '../../fs/store/memory-store.ts';
import { Tree } from '../../fs/tree/tree.ts';
import { type Recording, readRecording } from './recording.ts';
import { type Replayed, replay } from './replayer.ts';

const PROGRAM = fileURLToPath(new URL('./replay.ts', import.meta.url));
const IN_HEADER = 40;
const OUT_HEADER = 16;
const DATA = Uint8Array.from({ length: 9000 }, (_, i) => i % 251);

let folder = '';
let recorded = '';
const at = (name: string): string => join(folder, name);

/** Something of everything: names, content, handles, times, listings, xattrs, failures, what is forgotten. */
async function varied(client: FuseClient): Promise<void> {
  const dir = await client.mkdir(1, 'd');
  const file = await client.create(dir.nodeid, 'f');
  await client.write(file.nodeid, file.fh, 0, DATA);
  await client.fsync(file.nodeid, file.fh);
  const again = await client.open(file.nodeid);
  await client.read(file.nodeid, again, 4000, 5000);
  await client.setattr(file.nodeid, { valid: 1 << 5, mtime: 77 });
  await client.getattr(file.nodeid);
  await client.setxattr(file.nodeid, 'user.a', DATA.subarray(0, 30));
  await client.listxattr(file.nodeid, 100);
  await client.statfs();
  await client.list(dir.nodeid, 4096, true);
  expect(await errnoOf(client.lookup(1, 'none'))).toBe('ENOENT');
  await client.unlink(dir.nodeid, 'f');
  await client.read(file.nodeid, file.fh, 0, 10);
  await client.release(file.nodeid, file.fh);
  await client.release(file.nodeid, again);
  await client.forgetAll();
  await client.destroy();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lab-replay-'));
  recorded = at('varied.jsonl');
  await record(recorded, varied);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function replayed(recording: string | Recording): Promise<Replayed & { told: string[] }> {
  const tree = await Tree.open(new MemoryStore());
  const told: string[] = [];
  const whole = typeof recording === 'string' ? await readRecording(recording) : recording;
  const result = await replay(whole, tree, (difference) => told.push(difference));
  await tree.close();
  return { ...result, told };
}

/** Replays the recording with one line changed, its crc taken away: what is left is what the server says. */
async function replayedWith(op: string, change: (line: Line) => Partial<Line>, nth = 0) {
  const file = at('changed.jsonl');
  rewrite(recorded, file, (lines) => {
    const line = lines.filter((one) => one.op === op)[nth] as Line;
    Object.assign(line, change(line));
    delete line.crc;
    return lines;
  });
  return replayed(file);
}

describe('a recording on a fresh tree', () => {
  it('is answered as it was', async () => {
    const { told, same, different, unanswered } = await replayed(recorded);
    expect(told).toEqual([]);
    expect({ different, unanswered }).toEqual({ different: 0, unanswered: 0 });
    expect(same).toBe(readFileSync(recorded, 'utf8').trimEnd().split('\n').length - 1);
  });

  it('differs where what was written is another byte, in the reply that shows it', async () => {
    const write = (line: Line) => ({
      req: changed(line.req, (bytes) => bytes.writeUInt8(0xff, IN_HEADER + 40 + 4321)),
    });
    const { told } = await replayedWith('WRITE', write);
    expect(told).toEqual(['request 7, READ /d/f: data: byte 321: recorded 0x36, now 0xff (5000 B)']);
  });

  it('differs where a recorded reply is another byte, by the name of the field', async () => {
    const size = (line: Line) => ({ res: changed(line.res, (bytes) => bytes.writeUInt8(1, OUT_HEADER + 16 + 8)) });
    expect((await replayedWith('GETATTR', size)).told).toEqual([
      'request 9, GETATTR /d/f: fuse_attr_out.attr.size: recorded 8961, now 9000',
    ]);
    const data = (line: Line) => ({ res: changed(line.res, (bytes) => bytes.writeUInt8(0, OUT_HEADER + 7)) });
    expect((await replayedWith('READ', data, 1)).told).toEqual([
      expect.stringMatching(/^request \d+, READ: data: byte 7: recorded 0x00, now 0x07 \(10 B\)$/),
    ]);
    const error = (line: Line) => ({ res: changed(line.res, (bytes) => bytes.writeInt32LE(-13, 4)) });
    expect((await replayedWith('SETXATTR', error)).told).toEqual([
      expect.stringContaining('SETXATTR /d/f: fuse_out_header.error: recorded -13'),
    ]);
  });

  it('is told of where the bytes are not those that were recorded, also when no reply shows it', async () => {
    const file = at('unseen.jsonl');
    rewrite(recorded, file, (lines) => {
      const line = lines.find(({ op }) => op === 'WRITE') as Line;
      line.req = changed(line.req, (bytes) => bytes.writeUInt8(0xff, IN_HEADER + 40 + 1234));
      return lines;
    });
    const { told, different } = await replayed(file);
    expect(different).toBe(1);
    expect(told).toEqual([expect.stringMatching(/^request 4, WRITE \/d\/f: its bytes are not those .* crc$/)]);
  });

  it('may have other times, file handles and room', async () => {
    const file = at('masked.jsonl');
    const fhs = (bytes: Buffer, offset: number) =>
      bytes.writeBigUInt64LE(bytes.readBigUInt64LE(offset) + 1000n, offset);
    rewrite(recorded, file, (lines) =>
      lines.map((line) => {
        const { op } = line;
        const inRequest = ['READ', 'WRITE', 'RELEASE', 'FSYNC', 'READDIRPLUS', 'RELEASEDIR'].includes(op);
        if (inRequest) line.req = changed(line.req, (bytes) => fhs(bytes, IN_HEADER));
        if (op === 'OPEN' || op === 'OPENDIR') line.res = changed(line.res, (bytes) => fhs(bytes, OUT_HEADER));
        if (op === 'CREATE') line.res = changed(line.res, (bytes) => fhs(bytes, OUT_HEADER + 128));
        // atime of fuse_attr_out, generation of fuse_entry_out, bfree of fuse_statfs_out.
        const place = { GETATTR: 40, MKDIR: 8, STATFS: 8 }[op];
        if (place !== undefined) line.res = changed(line.res, (bytes) => bytes.writeUInt32LE(99, OUT_HEADER + place));
        delete line.crc;
        return line;
      }),
    );
    expect((await replayed(file)).told).toEqual([]);
  });

  it('differs where a file handle is not the one that an open gave', async () => {
    const fh = (line: Line) => ({ req: changed(line.req, (bytes) => bytes.writeUInt8(9, IN_HEADER)) });
    expect((await replayedWith('READ', fh)).told).toEqual([
      'request 7, READ /d/f: fuse_out_header.error: recorded 0 (ok), now -9 (EBADF)',
    ]);
    const opened = (line: Line) => ({ res: changed(line.res, (bytes) => bytes.writeUInt8(1, OUT_HEADER)) });
    expect((await replayedWith('OPEN', opened)).told[0]).toBe(
      'request 6, OPEN /d/f: fuse_open_out.fh: recorded 1, which is 1 here, now 2',
    );
  });

  it('has locks that wait, and what a reset left without an answer', async () => {
    const file = at('locks.jsonl');
    await record(
      file,
      async (client, reset) => {
        const made = await client.create(1, 'l');
        const lock = (owner: bigint, type: number, wait = false) =>
          client.setlk(made.nodeid, made.fh, { owner, type }, { wait });
        await lock(1n, 1);
        const second = lock(2n, 1, true);
        expect(await errnoOf(lock(3n, 1))).toBe('EAGAIN');
        await lock(1n, 2);
        await second;
        const third = lock(1n, 1, true);
        reset();
        await expect(third).rejects.toThrow('used length 0');
        await client.init();
        expect(await errnoOf(client.getattr(made.nodeid))).toBe('ESTALE');
      },
      { locks: true },
    );
    const { told, different, unanswered } = await replayed(file);
    expect(told).toEqual([]);
    expect({ different, unanswered }).toEqual({ different: 0, unanswered: 1 });
  });

  it('tells of an answer that does not come', async () => {
    const file = at('stuck.jsonl');
    await record(
      file,
      async (client) => {
        const made = await client.create(1, 'l');
        const lock = (owner: bigint, type: number, wait = false) =>
          client.setlk(made.nodeid, made.fh, { owner, type }, { wait });
        await lock(1n, 1);
        const second = lock(2n, 1, true);
        await lock(1n, 2);
        await second;
      },
      { locks: true },
    );
    // The lock that is given back is another's.
    const other = at('stuck-for-ever.jsonl');
    rewrite(file, other, (lines) => {
      const line = lines.filter(({ op }) => op === 'SETLK')[1] as Line;
      line.req = changed(line.req, (bytes) => bytes.writeUInt8(7, IN_HEADER + 8));
      delete line.crc;
      return lines;
    });
    expect((await replayed(other)).told).toEqual(['request 4, SETLKW /l: no reply comes, recorded is one']);
  });
});

describe('npm run replay', () => {
  const command = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', PROGRAM, ...words], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const lineOf = (change: (lines: Line[]) => Line[]): string => {
    rewrite(recorded, at('case.jsonl'), change);
    return at('case.jsonl');
  };

  it('ends with 0 where all is the same, with 1 where something differs', () => {
    expect(command(recorded)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^(\d+) requests replayed: \1 the same, 0 different\n$/),
      stderr: '',
    });
    const { status, stdout } = command(
      lineOf((lines) => {
        for (const line of lines.slice(1))
          if (line.res) line.res = changed(line.res, (bytes) => bytes.writeUInt8(3, 8));
        return lines;
      }),
    );
    expect(status).toBe(1);
    const said = stdout.trimEnd().split('\n');
    expect(said).toHaveLength(22);
    expect(said[0]).toContain('request 1, INIT: its bytes are not those that were recorded');
    expect(said[1]).toContain('request 1, INIT: fuse_out_header.unique: recorded 3, now 2');
    expect(said[20]).toMatch(/^and \d+ more differences, \d+ in all$/);
    expect(said[21]).toMatch(/^\d+ requests replayed: \d+ the same, \d+ different$/);
  });

  const cases: [what: string, says: RegExp, change: (lines: Line[]) => Line[]][] = [
    [
      'a request was cut',
      /request 4, WRITE: its request was cut, 640 of 9080 bytes are there/,
      (lines) => lines.map((line) => (line.op === 'WRITE' ? { ...line, req: cut(line.req) } : line)),
    ],
    [
      'a reply was cut',
      /request 7, READ: its reply was cut, 640 of 5016 bytes are there/,
      (lines) => lines.map((line) => (line.op === 'READ' && line.seq === 7 ? { ...line, res: cut(line.res) } : line)),
    ],
    ['a request is missing', /not whole: request 3 is missing/, (lines) => lines.filter(({ seq }) => seq !== 3)],
    [
      'it is of another form',
      /a recording of form 2/,
      ([head, ...rest]) => [{ ...(head as Line), schema: 2 }, ...rest],
    ],
    ['it has no header', /no recording/, (lines) => lines.slice(1)],
    [
      'the tree was not empty',
      /the tree was not empty when the recording began/,
      ([head, ...rest]) => [{ ...(head as Line), tree: 'ab' }, ...rest],
    ],
    [
      'the tree had been used before',
      /the tree had been used before \(somewhere\)/,
      ([head, ...rest]) => [{ ...(head as Line), changes: 7, store: 'somewhere' }, ...rest],
    ],
    [
      'what was loaded is gone',
      /what was loaded first cannot be .*gone/,
      ([head, ...rest]) => [{ ...(head as Line), tree: 'ab', load: at('gone') }, ...rest],
    ],
  ];
  const cut = (base64: string): string => Buffer.from(base64, 'base64').subarray(0, 640).toString('base64');
  it.each(cases)('ends with 2 where %s', (_, says, change) => {
    expect(command(lineOf(change))).toEqual({ status: 2, stdout: '', stderr: expect.stringMatching(says) });
  });

  it('ends with 2 where there is no recording, or none that ends', () => {
    expect(command(at('nothing'))).toMatchObject({ status: 2, stderr: expect.stringContaining('ENOENT') });
    expect(command()).toMatchObject({ status: 2, stderr: expect.stringContaining('one recording is wanted') });
    writeFileSync(at('torn.jsonl'), readFileSync(recorded).subarray(0, -30));
    expect(command(at('torn.jsonl'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/line \d+ is damaged or ends too early/),
    });
    writeFileSync(at('empty.jsonl'), '');
    expect(command(at('empty.jsonl'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('the file is empty'),
    });
  });
});
