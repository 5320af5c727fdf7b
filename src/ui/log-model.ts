// The log as the page shows it: store, view, texts and owners, brought up to date at most once a frame.
import { signal } from '@preact/signals';
import { clockStep } from './format.ts';
import { compileFilter } from './log-filter.ts';
import { type LogBatch, LogStore } from './log-store.ts';
import { LogView } from './log-view.ts';
import { RowTexts } from './row-texts.ts';
import { Commands, ProcessNames } from './who.ts';

/** Of a frame's time, for the filter. */
const SLICE_MS = 6;

export class LogModel {
  readonly store = new LogStore();
  readonly view = new LogView(this.store);
  readonly texts = new RowTexts(this.store);
  readonly processes = new ProcessNames();
  readonly commands = new Commands();
  /** What the records' times count from, ms since 1970. */
  timeOrigin = performance.timeOrigin;
  /** The step of the clock the records' times were taken with, in ms. */
  readonly clockStep = clockStep();
  /** Changes when what is shown may have changed: what renders the log reads it. */
  readonly version = signal(0);
  readonly filterText = signal('');
  readonly paused = signal(false);
  /** Whether the newest row is kept in sight. */
  readonly follow = signal(true);
  /** Position of the row that keys and details act on. */
  readonly selected = signal<number | undefined>(undefined);
  private readonly acknowledge: (ordinal: number) => void;
  private frame = 0;

  /** `acknowledge`: told the ordinal of the last record of each batch, once it is stored. */
  constructor(acknowledge: (ordinal: number) => void) {
    this.acknowledge = acknowledge;
  }

  append(batch: LogBatch): void {
    this.store.append(batch);
    // Not in a frame: there are none while the page is hidden, and the log goes on.
    this.acknowledge(batch.first + batch.count - 1);
    this.changed();
  }

  /** Has everything that shows the log look again, in the next frame. */
  changed(): void {
    this.frame ||= requestAnimationFrame(() => this.update());
  }

  setFilter(text: string): void {
    this.filterText.value = text;
    this.view.setFilter(compileFilter(text));
    this.update();
  }

  setPaused(paused: boolean): void {
    if (paused) this.view.pause();
    else this.view.resume();
    this.paused.value = paused;
    this.update();
  }

  clear(): void {
    this.store.clear();
    this.view.cleared();
    this.texts.clear();
    this.selected.value = undefined;
    this.update();
  }

  /** A worker starts from nothing: ordinals, numbers and times begin anew. */
  restart(): void {
    this.processes.clear();
    this.commands.clear();
    this.clear();
  }

  /** The guest rebooted or ended: pids begin anew, what ran there runs no more. */
  guestEnded(): void {
    const next = this.store.count === 0 ? 1 : this.store.seq(this.store.end - 1) + 1;
    this.processes.booted(next);
    this.commands.stopped(next);
  }

  private update(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const stop = performance.now() + SLICE_MS;
    if (!this.view.advance(() => performance.now() >= stop)) this.changed();
    this.version.value++;
  }
}
