// A stand-in for BroadcastChannel between tabs of one process: what one says the others hear a little later.
import type { Channel, Word } from '../src/lab/take-over.ts';

export class FakeChannels {
  /** Everything that was said. */
  readonly said: Word[] = [];
  private readonly open = new Map<string, Set<FakeChannel>>();

  /** A channel of a tab. `gate`: what the tab waits for before it hears anything, while it stands still. */
  channel(name: string, gate: () => Promise<void> | undefined = () => undefined): Channel {
    const others = this.open.get(name) ?? new Set();
    this.open.set(name, others);
    return new FakeChannel(this, others, gate);
  }
}

class FakeChannel implements Channel {
  onmessage: ((event: MessageEvent<Word>) => void) | null = null;
  private readonly channels: FakeChannels;
  private readonly all: Set<FakeChannel>;
  private readonly gate: () => Promise<void> | undefined;

  constructor(channels: FakeChannels, all: Set<FakeChannel>, gate: () => Promise<void> | undefined) {
    this.channels = channels;
    this.all = all;
    this.gate = gate;
    all.add(this);
  }

  postMessage(word: Word): void {
    if (!this.all.has(this)) throw new DOMException('The channel is closed.', 'InvalidStateError');
    this.channels.said.push(word);
    for (const other of this.all) if (other !== this) setImmediate(() => void other.hear(word));
  }

  close(): void {
    this.all.delete(this);
  }

  private async hear(word: Word): Promise<void> {
    await this.gate();
    if (this.all.has(this)) this.onmessage?.({ data: word } as MessageEvent<Word>);
  }
}
