// What a run of the bench found, and how it is shown.
import { figure, table } from './statistics.ts';

/** Workloads of lab-bench, in the order in which they run: each leaves what the next one needs. */
export const WORKLOADS = [
  { name: 'write-stream', title: '32 MiB streaming write, fsync' },
  { name: 'read-cold', title: '32 MiB streaming read, cold' },
  { name: 'read-warm', title: '32 MiB streaming read, warm' },
  { name: 'create', title: '2,500 files of 1 KiB made' },
  { name: 'stat', title: '2,500 files stat’ed' },
  { name: 'list', title: '2,500 files listed, cold' },
  { name: 'read-small', title: '2,500 files read, cold' },
  { name: 'remove', title: '2,500 files removed' },
  { name: 'miss', title: '4,000 look-ups that fail' },
] as const;

export type Workload = (typeof WORKLOADS)[number]['name'];

/** Medians of one workload in the guest, in ms. */
export interface GuestRow {
  name: Workload;
  ours_ms: number;
  v86_9p_ms: number;
  tmpfs_ms: number;
}

/** Median cost of one request through device and server, in µs. */
export interface DeviceRow {
  name: string;
  us: number;
}

/** What is measured of the store, in Chromium without a guest. */
export const STORE_FIGURES = [
  { name: 'fsync', unit: 'ms', title: 'fsync of one small new file' },
  { name: 'fsync-transactions', unit: '', title: '  transactions that it takes' },
  { name: 'fsync-relaxed', unit: 'ms', title: '  the same, relaxed' },
  { name: 'bare', unit: 'ms', title: '  a bare strict transaction of one value' },
  { name: 'fsync-ratio', unit: '×', title: '  fsync / bare transaction' },
  { name: 'hit', unit: 'µs', title: 'random read of 4 KiB, in memory' },
  { name: 'miss', unit: 'µs', title: '  not in memory' },
  { name: 'miss-ratio', unit: '×', title: '  not in memory / in memory' },
  { name: 'ahead', unit: 'MiB/s', title: '48 MiB from front to back, cold' },
  { name: 'asked', unit: 'MiB/s', title: '  without reading ahead' },
  { name: 'ahead-ratio', unit: '×', title: '  with / without' },
  { name: 'idle', unit: 'µs', title: 'random read, not in memory, nothing else done' },
  { name: 'busy', unit: 'µs', title: '  while another file is written flat out' },
  { name: 'slowest', unit: 'ms', title: '  the slowest of those' },
  { name: 'busy-ratio', unit: '×', title: '  beside the writer / alone' },
] as const;

export type StoreFigure = (typeof STORE_FIGURES)[number]['name'];

/** Median of one figure; ratios are medians of the ratios of each round. */
export interface StoreRow {
  name: StoreFigure;
  unit: string;
  value: number;
}

/** A tree of so many inodes in Chromium: medians of opening it and of the heap that it takes. */
export interface ScaleRow {
  inodes: number;
  open_ms: number;
  memory_mb: number;
}

export interface Results {
  /** Median of the calibration loop, in ms. */
  calibration_ms: number;
  /** In Node, with the memory store. */
  guest: GuestRow[];
  /** Likewise with all caches: 9p's cache=loose, our policy always with writeback. */
  cached: GuestRow[];
  device: DeviceRow[];
  /** In Chromium, with IndexedDB. */
  chromium: GuestRow[];
  /** In Chromium, without a guest. */
  store: StoreRow[];
  scale: ScaleRow[];
}

export function guestTable(rows: readonly GuestRow[]): string {
  const title = (name: Workload) => WORKLOADS.find((workload) => workload.name === name)?.title ?? name;
  return table([
    ['median of ms', 'virtio-fs', 'v86 9p', 'tmpfs', '9p / virtio-fs', 'virtio-fs / tmpfs'],
    ...rows.map(({ name, ours_ms, v86_9p_ms, tmpfs_ms }) => [
      title(name),
      figure(ours_ms),
      figure(v86_9p_ms),
      figure(tmpfs_ms),
      `${figure(v86_9p_ms / ours_ms)}×`,
      `${figure(ours_ms / tmpfs_ms)}×`,
    ]),
  ]);
}

export function deviceTable(rows: readonly DeviceRow[]): string {
  return table([['one request', 'median of µs'], ...rows.map(({ name, us }) => [name, figure(us)])]);
}

export function storeTable(rows: readonly StoreRow[]): string {
  const title = (name: StoreFigure) => STORE_FIGURES.find((row) => row.name === name)?.title ?? name;
  return table([
    ['the store', 'median'],
    ...rows.map(({ name, unit, value }) => [title(name), `${figure(value)} ${unit}`]),
  ]);
}

export const scaleTable = (rows: readonly ScaleRow[]): string =>
  table([
    ['inodes', 'open, ms', 'memory, MB'],
    ...rows.map(({ inodes, open_ms, memory_mb }) => [inodes.toLocaleString('en'), figure(open_ms), figure(memory_mb)]),
  ]);
