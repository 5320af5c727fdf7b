import { describe, expect, it } from 'vitest';
import { Agent, type AgentEvents, GuestGone, MAX_SCRIPT } from './agent.ts';
import { encodeFrame, type Frame, FrameDecoder, FromGuest, MAX_PAYLOAD, PREAMBLE, ToGuest } from './frames.ts';

/** The guest's end: sees the frames that came, says what a test wants. */
function setUp() {
  const heard: string[] = [];
  const sent: Frame[] = [];
  const decoder = new FrameDecoder();
  const events: AgentEvents = {
    onStart: () => heard.push('start'),
    onLost: (reason) => heard.push(`lost ${reason}`),
    onHello: (release) => heard.push(`hello ${release}`),
    onMounted: (line) => heard.push(`mounted ${line}`),
    onProcess: (pid, name) => heard.push(`process ${pid} ${name}`),
    onFork: (parent, child) => heard.push(`fork ${parent} ${child}`),
    onProcessExit: (pid) => heard.push(`exit ${pid}`),
    onPromptBegin: (shell, text) => heard.push(`begin ${shell} ${text}`),
    onPromptEnd: (shell, status) => heard.push(`end ${shell} ${status}`),
  };
  const agent = new Agent((bytes) => decoder.push(bytes, (frame) => sent.push(frame)), events);
  const say = (type: number, id: number, ...parts: (number | string)[]): void => {
    const payload = Buffer.concat(
      parts.map((part) => {
        if (typeof part === 'string') return Buffer.from(part, 'latin1');
        const word = Buffer.alloc(4);
        word.writeInt32LE(part);
        return word;
      }),
    );
    agent.receive(encodeFrame(type, 0, id, payload));
  };
  const print = (stream: number, id: number, text: string): void =>
    agent.receive(encodeFrame(FromGuest.OUT, stream, id, Buffer.from(text)));
  const hello = (): void => say(FromGuest.HELLO, 0, 1, '6.12.1');
  return { agent, sent, heard, say, print, hello };
}

describe('agent', () => {
  it('keeps scripts until the guest says hello', () => {
    const { agent, sent, hello } = setUp();
    agent.run('ls');
    expect(sent).toEqual([]);
    hello();
    expect(sent.map((f) => [f.type, Buffer.from(f.payload).toString()])).toEqual([[ToGuest.RUN, 'ls']]);
  });

  it('tells jobs and streams apart', async () => {
    const { agent, sent, say, print, hello } = setUp();
    hello();
    const a = agent.run('a');
    const b = agent.run('b');
    expect(sent.map((f) => f.id)).toEqual([a.id, b.id]);
    print(1, a.id, 'one ');
    print(1, b.id, 'other');
    print(2, a.id, 'oops');
    print(1, a.id, 'two');
    say(FromGuest.EXIT, b.id, 0);
    say(FromGuest.EXIT, a.id, 137);
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
    const [first, second] = await Promise.all([a.done, b.done]);
    expect([first.status, text(first.stdout), text(first.stderr)]).toEqual([137, 'one two', 'oops']);
    expect([second.status, text(second.stdout), text(second.stderr)]).toEqual([0, 'other', '']);
  });

  it('gives standard input and its end', () => {
    const { agent, sent, hello } = setUp();
    hello();
    const job = agent.run('cat', { stdin: new Uint8Array(40_000) });
    expect(sent.map((f) => [f.type, f.stream, f.id, f.payload.length])).toEqual([
      [ToGuest.RUN, 1, job.id, 3],
      [ToGuest.STDIN, 0, job.id, 32768],
      [ToGuest.STDIN, 0, job.id, 40_000 - 32768],
      [ToGuest.STDIN, 0, job.id, 0],
    ]);
  });

  it('ends jobs with GuestGone when the guest reboots or its agent starts anew', async () => {
    const { agent, hello } = setUp();
    hello();
    const first = agent.run('sleep 1').done;
    agent.reset('the guest rebooted');
    await expect(first).rejects.toThrow(new GuestGone('the guest rebooted'));
    hello();
    const second = agent.run('sleep 1').done;
    hello();
    await expect(second).rejects.toThrow(GuestGone);
  });

  it('kills by signal', () => {
    const { agent, sent, hello } = setUp();
    hello();
    const job = agent.run('sleep 9');
    job.kill(15);
    expect(sent.at(-1)).toMatchObject({ type: ToGuest.KILL, id: job.id, payload: Uint8Array.of(15) });
  });

  it('sends the time in nanoseconds, and not before the guest is there', () => {
    const { agent, sent, hello } = setUp();
    agent.setTime(1_700_000_000_123.25);
    hello();
    agent.setTime(1_700_000_000_123.25);
    expect(sent.length).toBe(1);
    const { payload } = sent[0] as Frame;
    expect(new DataView(payload.buffer).getBigUint64(0, true)).toBe(1_700_000_000_123_250_000n);
  });

  it('passes on processes and prompts', () => {
    const { heard, say, hello } = setUp();
    hello();
    say(FromGuest.MOUNTED, 0, 'done');
    say(FromGuest.PROC, 0, 12, 'ls\xff');
    say(FromGuest.FORK, 0, 1, 13);
    say(FromGuest.PROCEXIT, 0, 12);
    say(FromGuest.PROMPT_BEGIN, 0, 7, 'ls -l');
    say(FromGuest.PROMPT_END, 0, 7, 2);
    expect(heard).toEqual([
      'hello 6.12.1',
      'mounted done',
      'process 12 ls\xff',
      'fork 1 13',
      'exit 12',
      'begin 7 ls -l',
      'end 7 2',
    ]);
  });

  it('ends what ran, and throws nothing, where the channel is out of step, until another agent starts', async () => {
    const tooLong = encodeFrame(FromGuest.OUT, 1, 1, new Uint8Array(0));
    new DataView(tooLong.buffer).setUint32(4, MAX_PAYLOAD + 1, true);
    const { HELLO, EXIT, PROC, FORK, PROCEXIT, PROMPT_BEGIN, PROMPT_END } = FromGuest;
    const short = [HELLO, EXIT, PROC, FORK, PROCEXIT, PROMPT_BEGIN, PROMPT_END].map((type) =>
      encodeFrame(type, 0, 1, new Uint8Array(3)),
    );
    for (const bad of [tooLong, ...short]) {
      const { agent, heard, sent, say, hello } = setUp();
      hello();
      const job = agent.run('sleep 1');
      agent.receive(bad);
      await expect(job.done).rejects.toThrow(GuestGone);
      expect([agent.ready, heard.length]).toEqual([false, 2]);
      say(FromGuest.PROC, 0, 12, 'ls');
      hello();
      agent.run('later');
      expect([agent.ready, heard.length, sent.length]).toEqual([false, 2, 1]);
      agent.receive(PREAMBLE);
      hello();
      expect(agent.ready).toBe(true);
      expect(heard.slice(2)).toEqual(['start', 'hello 6.12.1']);
    }
  });

  it('hears an agent that took the place of one that ended amid a frame, wherever the stream is cut', async () => {
    const whole = encodeFrame(FromGuest.OUT, 1, 1, new Uint8Array(100).fill(0xf1));
    const cutFrames = [0, 3, 7, 8, 60, 107].map((length) => whole.subarray(0, length));
    const helloFrame = encodeFrame(FromGuest.HELLO, 0, 0, Uint8Array.of(1, 0, 0, 0, 54));
    const streams = cutFrames.map((cutFrame) => Buffer.concat([cutFrame, PREAMBLE, helloFrame]));
    const cases = streams.flatMap((stream) => Array.from({ length: stream.length + 1 }, (_, cut) => ({ stream, cut })));
    for (const { stream, cut } of cases) {
      const transmitted: Uint8Array[] = [];
      const heard: string[] = [];
      const nothing = (): void => {};
      const agent = new Agent((bytes) => transmitted.push(bytes), {
        onStart: () => heard.push('start'),
        onLost: (reason) => heard.push(reason),
        onHello: (release) => heard.push(release),
        onMounted: nothing,
        onProcess: nothing,
        onFork: nothing,
        onProcessExit: nothing,
        onPromptBegin: nothing,
        onPromptEnd: nothing,
      });
      agent.receive(PREAMBLE.subarray(0, cut));
      agent.receive(PREAMBLE.subarray(cut));
      agent.receive(helloFrame);
      const job = agent.run('sleep 1');
      transmitted.length = 0;
      agent.receive(stream.subarray(0, cut));
      agent.receive(stream.subarray(cut));
      await expect(job.done).rejects.toThrow(GuestGone);
      agent.run('next');
      expect(heard).toEqual(['start', '6', 'start', '6']);
      expect([...(transmitted[0] as Uint8Array)]).toEqual([...PREAMBLE]);
      expect(transmitted.length).toBe(2);
    }
  });

  it('refuses scripts that the guest cannot take, and agents of another version', () => {
    const { agent, heard, say } = setUp();
    expect(() => agent.run('x'.repeat(MAX_SCRIPT + 1))).toThrow(RangeError);
    expect(() => agent.run('a\0b')).toThrow(RangeError);
    say(FromGuest.HELLO, 0, 2, '7.0');
    expect(heard).toEqual([expect.stringContaining('version 2')]);
    expect(agent.ready).toBe(false);
  });
});
