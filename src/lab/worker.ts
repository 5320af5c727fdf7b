// The lab in a Web Worker: messages in, messages out, the tree in IndexedDB under this tab's lock.
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import { lockTree, type TreeLock } from '../fs/store/tree-lock.ts';
import { Tree } from '../fs/tree/tree.ts';
import { explainFailure, LabFailure } from './failures.ts';
import { Lab } from './lab.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { CONSOLE_INTERVAL, COUNTER_INTERVAL, LOG_INTERVAL, Outbox } from './outbox.ts';

declare const self: DedicatedWorkerGlobalScope;

const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => self.postMessage(message, transfer);

type Start = Extract<ToWorker, { type: 'start' }>;

/** A lab that runs, and what this worker holds for it. */
class Running {
  readonly lab: Lab;
  readonly outbox: Outbox;
  private consoleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
    this.outbox = new Outbox(post, lab.log, () => lab.counters(), () => performance.now());
    const { outbox } = this;
    lab.console.on((bytes) => {
      outbox.addConsole(bytes);
      this.consoleTimer ??= setTimeout(() => {
        this.consoleTimer = undefined;
        outbox.flushConsole();
      }, CONSOLE_INTERVAL);
    });
    lab.serial.on((bytes) => outbox.addSerial(bytes));
    lab.processes.on((name) => outbox.addName(name));
    lab.commands.on((command) => {
      // After the names and records that came before it.
      outbox.flush();
      post({ type: 'command', ...command });
    });
    lab.failures.on((failure) => post({ type: 'failed', ...failure }));
    lab.stages.on((change) => {
      outbox.flush();
      post({ type: 'stage', ...change });
    });
    setInterval(() => outbox.flush(), LOG_INTERVAL);
    setInterval(() => outbox.flushCounters(), COUNTER_INTERVAL);
  }

  take(message: Exclude<ToWorker, Start>): void {
    const { lab } = this;
    switch (message.type) {
      case 'input':
        lab.input(message.bytes);
        return;
      case 'resize':
        lab.resize(message.cols, message.rows);
        return;
      case 'restart':
        lab.restart().catch(fail);
        return;
      case 'power-off':
        lab.powerOff();
        return;
      case 'ctrl-alt-del':
        lab.ctrlAltDel();
        return;
      case 'log-ack':
        this.outbox.acknowledge(message.seq);
        return;
      case 'commit-now':
        lab.tree.sync().catch(fail);
        return;
    }
  }
}
