// A lab that runs, and what the page is told of it.
import { GuestGone } from './agent.ts';
import { agreed } from './agreed.ts';
import { settled } from './failures.ts';
import type { Lab } from './lab.ts';
import type { ToWorker } from './messages.ts';
import { CONSOLE_INTERVAL, COUNTER_INTERVAL, LOG_INTERVAL, Outbox, type Post } from './outbox.ts';

/** What the page asks of a lab that runs. */
export type Order = Exclude<ToWorker, { type: 'start' | 'close' | 'task' | 'cancel' }>;

export class Running {
  readonly lab: Lab;
  private readonly post: Post;
  private readonly fail: (error: unknown) => void;
  private readonly outbox: Outbox;
  private consoleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(lab: Lab, post: Post, fail: (error: unknown) => void) {
    this.lab = lab;
    this.post = post;
    this.fail = fail;
    const outbox = new Outbox(
      post,
      lab.log,
      () => lab.counters(),
      () => performance.now(),
    );
    this.outbox = outbox;
    lab.console.on((bytes) => {
      outbox.addConsole(bytes);
      this.consoleTimer ??= setTimeout(() => {
        this.consoleTimer = undefined;
        outbox.flushConsole();
      }, CONSOLE_INTERVAL);
    });
    lab.serial.on((bytes) => outbox.addSerial(bytes));
    lab.processes.on((name) => outbox.addName(name));
    lab.commands.on((command) => outbox.addCommand(command));
    lab.sessions.on(() => post({ type: 'agreed', agreed: agreed(lab.server.session.negotiated) }, []));
    lab.failures.on((failure) => post({ type: 'failed', ...failure }, []));
    lab.stages.on((change) => {
      outbox.flush();
      post({ type: 'stage', ...change }, []);
    });
    setInterval(() => outbox.flush(), LOG_INTERVAL);
    setInterval(() => outbox.flushCounters(), COUNTER_INTERVAL);
  }

  take(order: Order): void {
    const { lab } = this;
    switch (order.type) {
      case 'input':
        lab.input(order.bytes);
        return;
      case 'resize':
        lab.resize(order.cols, order.rows);
        return;
      case 'restart':
        lab.restart().catch(this.fail);
        return;
      case 'power-off':
        lab.powerOff();
        return;
      case 'ctrl-alt-del':
        lab.ctrlAltDel();
        return;
      case 'run':
        this.run(order.id, order.script).catch(this.fail);
        return;
      case 'log-ack':
        this.outbox.acknowledge(order.seq);
        return;
      case 'commit-now':
        settled(lab.tree.sync()).catch(this.fail);
        return;
      case 'quota':
        // What may be stored is found out by storing: browsers promise more than they keep.
        return;
    }
  }

  private async run(id: number, script: string): Promise<void> {
    const nothing = new Uint8Array(0);
    try {
      this.post({ type: 'ran', id, ...(await this.lab.run(script).done) }, []);
    } catch (error) {
      if (!(error instanceof GuestGone)) throw error;
      this.post({ type: 'ran', id, status: undefined, stdout: nothing, stderr: nothing }, []);
    }
  }
}
