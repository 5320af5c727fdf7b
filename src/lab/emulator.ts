// One run of the emulator, from power on to reboot, halt or crash. The only file of the lab that names v86.
import { V86 } from 'v86';
import { checkV86Shape, type V86WithInternals } from './v86-internals.ts';

export interface MachineImage {
  kernel: ArrayBuffer;
  initrd: ArrayBuffer | undefined;
  bios: ArrayBuffer;
  vgabios: ArrayBuffer;
  wasm: WebAssembly.Module;
}

/** How a run ended. */
export type Ending =
  /** The guest asked for a reset: keyboard controller, port CF9, or a triple fault. */
  | { how: 'reset' }
  /** The CPU was halted with interrupts off: power off, as a machine without ACPI does it. */
  | { how: 'halt' }
  | { how: 'crash'; error: unknown };

export interface EmulatorOptions {
  image: MachineImage;
  cmdline: string;
  /** MiB. */
  memory: number;
  /** v86's own 9p file system (tag host9p): false for none, true for a new one, or one taken from an earlier run. */
  p9: boolean | P9FileSystem;
  /** Called when the machine is there and before its first instruction: the moment to plug devices in. */
  plug(emulator: V86): void;
  /** The terminal (hvc0). */
  onConsole(bytes: Uint8Array): void;
  /** The agent's control channel (hvc1). */
  onControl(bytes: Uint8Array): void;
  onSerial(byte: number): void;
  /** After each slice of guest time (about a millisecond), outside of the guest. */
  onSlice(): void;
  /** Once. The emulator runs no further instruction. */
  onEnd(ending: Ending): void;
}

/** v86's in-memory 9p tree, to be carried over to the next run. */
export interface P9FileSystem {
  readonly fs: unknown;
}

/** hvc posts buffers of a page each. */
const CONSOLE_CHUNK = 4096;

/** Thrown through the guest's current instruction to leave it for good. */
class Leave {
  readonly ending: Ending;
  constructor(ending: Ending) {
    this.ending = ending;
  }
}

const CTRL_ALT_DEL = [0x1d, 0x38, 0x53, 0xd3, 0xb8, 0x9d];

export class Emulator {
  private readonly options: EmulatorOptions;
  private v86: V86WithInternals | undefined;
  private ended = false;
  /** Waiting for a buffer of the guest's, per console port. */
  private readonly input: Uint8Array[][] = [[], []];
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the guest stands still, and the slice that it asked for last meanwhile. */
  private paused = false;
  private held: number | undefined;
  /** What v86 printed last. */
  private lastWords = '';
  private readonly soon: (callback: () => void) => void;
  private readonly releaseSoon: () => void;

  private constructor(options: EmulatorOptions) {
    this.options = options;
    const { soon, release } = makeSoon();
    this.soon = soon;
    this.releaseSoon = release;
  }

  /** Builds the machine, plugs devices in and starts it. Rejects with the reason where v86 cannot be had. */
  static create(options: EmulatorOptions): Promise<Emulator> {
    const self = new Emulator(options);
    const { image } = options;
    return new Promise((resolve, reject) => {
      const settings = {
        wasm_fn: async (imports: WebAssembly.Imports) => {
          try {
            // v86 prints what it dies of; it is for whoever is told of the crash.
            (imports.env as Record<string, unknown>).console_log_from_wasm = (at: number, length: number) => {
              const memory = exports.memory as WebAssembly.Memory;
              self.lastWords = new TextDecoder().decode(new Uint8Array(memory.buffer, at >>> 0, length >>> 0));
            };
            const { exports } = await WebAssembly.instantiate(image.wasm, imports);
            return exports;
          } catch (error) {
            reject(error);
            // v86 has no way to fail here: it waits for ever, and is dropped.
            return new Promise<never>(() => {});
          }
        },
        bios: { buffer: image.bios },
        vga_bios: { buffer: image.vgabios },
        bzimage: { buffer: image.kernel },
        ...(image.initrd === undefined ? {} : { initrd: { buffer: image.initrd } }),
        cmdline: options.cmdline,
        memory_size: options.memory * 1024 * 1024,
        vga_memory_size: 2 * 1024 * 1024,
        // v86.d.ts has neither `true` nor 'none'.
        virtio_console: true as unknown as { type: 'none' },
        net_device: { type: 'none' as 'virtio' },
        disable_mouse: true,
        disable_speaker: true,
        autostart: false,
        ...(options.p9 === false ? {} : { filesystem: {} }),
      };
      const emulator = new V86(settings);
      emulator.add_listener('emulator-ready', () => {
        try {
          self.ready(emulator);
          resolve(self);
        } catch (error) {
          self.destroy();
          reject(error);
        }
      });
    });
  }

  /** v86's 9p tree, where there is one. */
  get p9(): P9FileSystem | undefined {
    const device = this.v86?.v86.cpu.devices.virtio_9p;
    return device === undefined || !('fs' in device) ? undefined : { fs: device.fs };
  }

  run(): void {
    void this.v86?.run();
  }

  /** The guest runs no instruction from here on, until resume(). Not to be called from inside the guest. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) this.soon(() => this.slice(held));
  }

  /** Bytes for the terminal; kept until the guest takes them. */
  sendConsole(bytes: Uint8Array): void {
    this.send(0, bytes);
  }

  /** Bytes for the control channel; kept until the guest takes them. */
  sendControl(bytes: Uint8Array): void {
    this.send(1, bytes);
  }

  /** Forgets the bytes for the control channel that the guest has not taken. */
  dropControl(): void {
    this.input[1] = [];
  }

  /** Bytes for the serial line, dropped by the UART where the guest does not read. */
  sendSerial(bytes: Uint8Array): void {
    for (const byte of bytes) this.v86?.bus.send('serial0-input', byte);
  }

  resize(cols: number, rows: number): void {
    // v86 writes the second number first, as Linux once read it. The specification has cols first (VirtIO 1.3 5.3.6.2),
    // and so has the guest's kernel (drivers/char/virtio_console.c handle_control_message).
    this.v86?.bus.send('virtio-console0-resize', [rows, cols]);
  }

  ctrlAltDel(): void {
    for (const code of CTRL_ALT_DEL) this.v86?.bus.send('keyboard-code', code);
  }

  /** Ends the run at once: no instruction, timer or event comes after this. Not to be called from inside the guest. */
  destroy(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.releaseSoon();
    const { v86 } = this;
    if (v86 === undefined) return;
    v86.v86.running = false;
    v86.v86.tick_counter++;
    v86.v86.yield = () => {};
    this.v86 = undefined;
  }

  private ready(emulator: V86): void {
    const v86 = checkV86Shape(emulator);
    this.v86 = v86;
    const { options } = this;
    if (typeof options.p9 === 'object') {
      const device = v86.v86.cpu.devices.virtio_9p;
      if (device === undefined || !('fs' in device)) throw new Error('this version of v86 lacks virtio_9p.fs');
      device.fs = options.p9.fs;
      v86.fs9p = options.p9.fs;
    }
    // v86 passes each slice through a worker of its own; a message within this thread is a shorter way.
    v86.v86.unregister_yield();
    v86.v86.yield = (ms, tick) => this.schedule(ms, tick);
    v86.v86.cpu.reboot_internal = () => {
      throw new Leave({ how: 'reset' });
    };
    const listen = emulator.add_listener.bind(emulator) as (name: string, listener: (value: never) => void) => void;
    listen('cpu-event-halt', () => {
      throw new Leave({ how: 'halt' });
    });
    listen('virtio-console0-output-bytes', (bytes: Uint8Array) => options.onConsole(bytes));
    listen('virtio-console1-output-bytes', (bytes: Uint8Array) => options.onControl(bytes));
    listen('serial0-output-byte', (byte: number) => options.onSerial(byte));
    options.plug(emulator);
  }

  private schedule(ms: number, tick: number): void {
    clearTimeout(this.timer);
    // Input for a guest that stands still wakes it: what was held is not its next slice any more.
    this.held = undefined;
    if (ms < 1) this.soon(() => this.slice(tick));
    else this.timer = setTimeout(() => this.slice(tick), ms);
  }

  /** Lets the guest run for a slice. */
  private slice(tick: number): void {
    if (this.ended) return;
    if (this.paused) {
      this.held = tick;
      return;
    }
    const machine = (this.v86 as V86WithInternals).v86;
    try {
      machine.yield_callback(tick);
    } catch (error) {
      this.end(error instanceof Leave ? error.ending : this.explain(error));
      return;
    }
    if (this.ended) return;
    for (let port = 0; port < this.input.length; port++) {
      if ((this.input[port] as Uint8Array[]).length > 0) this.deliver(port);
    }
    this.options.onSlice();
  }

  /** An empty interrupt table is how a kernel asks for a triple fault, which v86 does not know. */
  private explain(error: unknown): Ending {
    const { idtr_size } = (this.v86 as V86WithInternals).v86.cpu;
    if (!(error instanceof WebAssembly.RuntimeError)) return { how: 'crash', error };
    if (idtr_size[0] === 0) return { how: 'reset' };
    return { how: 'crash', error: this.lastWords === '' ? error : new Error(this.lastWords.trim(), { cause: error }) };
  }

  private end(ending: Ending): void {
    this.ended = true;
    this.options.onEnd(ending);
  }

  private send(port: number, bytes: Uint8Array): void {
    const queue = this.input[port] as Uint8Array[];
    for (let at = 0; at < bytes.length; at += CONSOLE_CHUNK) queue.push(bytes.slice(at, at + CONSOLE_CHUNK));
    this.deliver(port);
  }

  /** Hands over what the guest has buffers for: v86 drops the rest. */
  private deliver(port: number): void {
    const { v86 } = this;
    if (v86 === undefined) return;
    const queue = v86.v86.cpu.devices.virtio_console?.virtio.queues[port === 0 ? 0 : 2 * port + 2];
    if (queue === undefined) return;
    const waiting = this.input[port] as Uint8Array[];
    while (waiting.length > 0 && queue.is_configured() && queue.has_request()) {
      v86.bus.send(`virtio-console${port}-input-bytes`, waiting.shift());
    }
  }
}

/** A way to run something as the next task without the 4 ms of nested timers. */
function makeSoon(): { soon: (callback: () => void) => void; release: () => void } {
  if (typeof setImmediate === 'function') {
    return { soon: (callback) => void setImmediate(callback), release: () => {} };
  }
  const channel = new MessageChannel();
  let next: (() => void) | undefined;
  channel.port1.onmessage = () => {
    const callback = next;
    next = undefined;
    callback?.();
  };
  return {
    soon: (callback) => {
      if (next === undefined) channel.port2.postMessage(0);
      next = callback;
    },
    release: () => {
      next = undefined;
      channel.port1.close();
    },
  };
}
