// What the lab uses of v86 that v86.d.ts does not declare, and the check that it is there. v86 0.5.462.
import type { V86 } from 'v86';

export interface V86Queue {
  is_configured(): unknown;
  has_request(): boolean;
}

export interface V86Machine {
  running: boolean;
  stopping: boolean;
  tick_counter: number;
  yield(ms: number, tick: number): void;
  yield_callback(tick: number): void;
  unregister_yield(): void;
  readonly cpu: {
    reboot_internal(): void;
    readonly idtr_size: ArrayLike<number>;
    readonly devices: {
      readonly virtio_console?: { readonly virtio: { readonly queues: readonly V86Queue[] } };
      readonly virtio_9p?: { fs: unknown };
    };
  };
}

/** The emulator as it is, rather than as v86.d.ts declares it. */
export type V86WithInternals = V86 & {
  readonly v86: V86Machine;
  readonly bus: { send(name: string, value?: unknown): void };
  fs9p?: unknown;
};

/** Throws Error naming what an upgrade of v86 has taken away. To be called once the emulator is ready. */
export function checkV86Shape(emulator: V86): V86WithInternals {
  const shape = emulator as V86WithInternals;
  const wanted: readonly (readonly [string, boolean])[] = [
    ['v86.yield', typeof shape.v86?.yield === 'function'],
    ['v86.yield_callback', typeof shape.v86?.yield_callback === 'function'],
    ['v86.unregister_yield', typeof shape.v86?.unregister_yield === 'function'],
    ['v86.tick_counter', typeof shape.v86?.tick_counter === 'number'],
    ['v86.cpu.reboot_internal', typeof shape.v86?.cpu?.reboot_internal === 'function'],
    ['v86.cpu.idtr_size', typeof shape.v86?.cpu?.idtr_size?.[0] === 'number'],
    [
      'v86.cpu.devices.virtio_console.virtio.queues',
      Array.isArray(shape.v86?.cpu?.devices?.virtio_console?.virtio?.queues),
    ],
    ['bus.send', typeof shape.bus?.send === 'function'],
  ];
  const missing = wanted.filter(([, there]) => !there).map(([name]) => name);
  if (missing.length > 0) throw new Error(`this version of v86 lacks ${missing.join(', ')}`);
  return shape;
}
