// Debian's Firefox, driven over Marionette: its own protocol below WebDriver, JSON over a socket. Playwright drives
// only builds of Firefox that it downloads.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFERENCES = {
  // Any free port; Firefox prints which one it took.
  'marionette.port': 0,
  'app.update.disabledForTesting': true,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'browser.aboutwelcome.enabled': false,
  'app.normandy.enabled': false,
};

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Firefox {
  private readonly process: ChildProcess;
  private readonly profile: string;
  private readonly socket: Socket;
  private received = Buffer.alloc(0);
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  private constructor(process: ChildProcess, profile: string, socket: Socket) {
    this.process = process;
    this.profile = profile;
    this.socket = socket;
    socket.on('data', (bytes) => this.receive(bytes));
    socket.on('close', () => this.fail(new Error('Firefox closed the connection')));
    socket.on('error', (error) => this.fail(error));
  }

  /** Starts Firefox with a new profile and opens a session. */
  static async launch(program: string): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'firefox-'));
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    const child = spawn(program, ['--headless', '--no-remote', '--marionette', '--profile', profile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const port = await listeningPort(child);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const firefox = new Firefox(child, profile, socket);
    await firefox.command('WebDriver:NewSession', { capabilities: {} });
    await firefox.command('WebDriver:SetTimeouts', { script: 300_000, pageLoad: 60_000 });
    return firefox;
  }

  open(url: string): Promise<unknown> {
    return this.command('WebDriver:Navigate', { url });
  }

  reload(): Promise<unknown> {
    return this.command('WebDriver:Refresh');
  }

  /** Types into the element that has the focus after it was found; '\n' is the Enter key. */
  async type(selector: string, text: string): Promise<void> {
    const found = (await this.command('WebDriver:FindElement', { using: 'css selector', value: selector })) as {
      value: Record<string, string>;
    };
    const [id] = Object.values(found.value);
    await this.command('WebDriver:ElementSendKeys', { id, text: text.replaceAll('\n', '\ue007') });
  }

  /** Resolves when the expression is true in the page: looked at again with each frame, for so many ms. */
  async waitFor(expression: string, limit = 120_000): Promise<void> {
    const script = `
      const done = arguments[arguments.length - 1];
      const end = performance.now() + ${limit};
      const look = () => {
        if (${expression}) done(true);
        else if (performance.now() > end) done(false);
        else requestAnimationFrame(look);
      };
      look();`;
    const result = (await this.command('WebDriver:ExecuteAsyncScript', { script, args: [] })) as { value: unknown };
    if (result.value !== true) throw new Error(`not so in ${limit / 1000} s: ${expression}`);
  }

  async evaluate(expression: string): Promise<unknown> {
    const result = (await this.command('WebDriver:ExecuteScript', { script: `return ${expression};`, args: [] })) as {
      value: unknown;
    };
    return result.value;
  }

  async close(): Promise<void> {
    const exited = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await exited;
    this.socket.destroy();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  private command(name: string, parameters: object = {}): Promise<unknown> {
    const id = ++this.lastId;
    const message = JSON.stringify([0, id, name, parameters]);
    this.socket.write(`${Buffer.byteLength(message)}:${message}`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  /** Messages are `length:JSON`, one behind the other. */
  private receive(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    for (;;) {
      const colon = this.received.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.received.subarray(0, colon).toString());
      if (this.received.length < end) return;
      const message: unknown = JSON.parse(this.received.subarray(colon + 1, end).toString());
      this.received = this.received.subarray(end);
      // The first message greets, and is no array.
      if (Array.isArray(message))
        this.answer(message as [number, number, { error: string; message: string } | null, unknown]);
    }
  }

  private answer([, id, error, result]: [number, number, { error: string; message: string } | null, unknown]): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) waiting?.reject(new Error(`${error.error}: ${error.message}`));
    else waiting?.resolve(result);
  }

  private fail(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

/** The port that Firefox says it listens on. Throws with what it said if it ends before. */
async function listeningPort(child: ChildProcess): Promise<number> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Firefox ended with ${code}:\n${said}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        const port = /Marionette\s+INFO\s+Listening on port (\d+)\s/.exec(said)?.[1];
        if (port) resolve(Number(port));
      });
    }
  });
}
